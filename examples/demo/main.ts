/**
 * `npm run demo [-- QUESTION...]`: the main job on real input. The Markdown documents of the packages
 * that npm has installed become passages and embeddings in one store; the process that stored them is
 * killed; the store is opened again and answers questions, embedded and then over the network.
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Redis } from 'ioredis'
import { fromRoot } from '../../scripts/lib/root.ts'
import { buildJs } from '../../scripts/lib/build-js.ts'
import { buildNative } from '../../scripts/lib/build-native.ts'
import { Frequencies } from './embedding.ts'

const K = 3
const QUESTIONS = [
  'connect to a redis cluster with a password',
  'match glob patterns with braces',
  'retry failed asynchronous calls',
]

interface Stored {
  heading: string
  text: string
}

interface Answer {
  id: string
  score: number
  stored: Stored
}

function show(question: string, answers: Answer[], milliseconds: number): void {
  console.log(`\n? ${question}   (${milliseconds.toFixed(1)} ms)`)
  for (const { id, score, stored } of answers) {
    const text = stored.text.length > 150 ? `${stored.text.slice(0, 150)}...` : stored.text
    console.log(`  ${score.toFixed(3)}  ${id}\n         ${stored.heading}: ${text}`)
  }
}

/** Stores everything in a process of its own and kills it when all of it was acknowledged. */
async function ingestAndKill(data: string): Promise<{ passages: number; seconds: number }> {
  const child = fork(fromRoot('examples/demo/ingest.ts'), [data, fromRoot('node_modules')], {
    execArgv: ['--import', 'tsx'],
  })
  const ended = once(child, 'exit')
  const told = once(child, 'message') as Promise<[{ passages: number; seconds: number }]>
  const first = await Promise.race([told, ended.then(() => undefined)])
  if (first === undefined) throw new Error('storing the passages failed')
  child.kill('SIGKILL')
  await ended
  console.log(`killed process ${child.pid} with SIGKILL while it was writing`)
  return first[0]
}

async function askEmbedded(data: string, questions: string[], expected: number): Promise<number> {
  // Imported late: it is built by then.
  const { open } = await import('skeg')
  const start = performance.now()
  const db = await open(data)
  const openMs = performance.now() - start
  const docs = await db.index('docs')
  const { vectors } = await docs.info()
  console.log(`opened again in ${openMs.toFixed(0)} ms: ${vectors.toLocaleString('en')} passages`)
  if (vectors !== expected) throw new Error(`${expected} passages were acknowledged`)
  const bytes = await db.getBuffer('frequencies')
  if (bytes === null) throw new Error('the frequencies are gone')
  const frequencies = Frequencies.fromBytes(bytes)
  for (const question of questions) {
    const before = performance.now()
    const hits = await docs.search(frequencies.embed(question), { k: K })
    const texts = await db.getMany(hits.map(({ id }) => `passage:${id}`))
    const took = performance.now() - before
    const answers = hits.map(({ id, score }, at) => ({
      id: String(id),
      score,
      stored: JSON.parse(texts[at] ?? '{}') as Stored,
    }))
    show(question, answers, took)
  }
  await db.close()
  return openMs
}

async function askServed(data: string, questions: string[]): Promise<void> {
  const server = spawn(fromRoot('native', 'skeg'), ['serve', '--data', data, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit')
  try {
    const port = await readyPort(server.stdout)
    const redis = new Redis(port, '127.0.0.1')
    const bytes = await redis.getBuffer('frequencies')
    if (bytes === null) throw new Error('the frequencies are gone')
    const frequencies = Frequencies.fromBytes(bytes)
    for (const question of questions) {
      const before = performance.now()
      const query = Buffer.from(frequencies.embed(question).buffer)
      // Pairs of id and score: one flat list in RESP2, a list of pairs in RESP3.
      const reply = (await redis.call('SKEG.VSEARCH', 'docs', K, 100, query)) as unknown[]
      const flat = reply.flat() as (string | number)[]
      const ids = flat.filter((_, at) => at % 2 === 0).map(String)
      const texts = await redis.mget(ids.map((id) => `passage:${id}`))
      const took = performance.now() - before
      const answers = ids.map((id, at) => ({
        id,
        score: Number(flat[2 * at + 1]),
        stored: JSON.parse(texts[at] ?? '{}') as Stored,
      }))
      show(question, answers, took)
    }
    redis.disconnect()
  } finally {
    server.kill('SIGTERM')
    await ended
  }
}

/** The port in the server's ready line. */
async function readyPort(output: NodeJS.ReadableStream): Promise<number> {
  let text = ''
  for await (const chunk of output) {
    text += String(chunk)
    const ready = /^skeg ready on \S*:(\d+)/m.exec(text)
    if (ready) return Number(ready[1])
  }
  throw new Error(`the server did not start:\n${text}`)
}

const questions = process.argv.length > 2 ? [process.argv.slice(2).join(' ')] : QUESTIONS
await buildNative('quick')
await buildJs()
const data = mkdtempSync(path.join(tmpdir(), 'skeg-demo-'))
try {
  const { passages, seconds } = await ingestAndKill(data)
  const openMs = await askEmbedded(data, questions, passages)
  console.log('\nthe same questions over the network, through ioredis:')
  await askServed(data, questions)
  console.log(
    `\n${passages.toLocaleString('en')} passages stored in ${seconds.toFixed(1)} s, none lost to SIGKILL, opened in ${openMs.toFixed(0)} ms, ${questions.length} questions asked twice`,
  )
} finally {
  rmSync(data, { recursive: true, force: true })
}
