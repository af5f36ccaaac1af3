/** Writers inside a Node program that has the store open. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fromRoot } from '../lib/root.ts'
import type { Durability } from './server.ts'
import type { Progress } from './workload.ts'

/** Loads an embedded store until `moment` has come, then kills its process. */
export async function loadEmbedded(
  data: string,
  durability: Durability,
  writers: Progress[],
  moment: () => Promise<void>,
): Promise<void> {
  const program = fromRoot('scripts', 'kill', 'writer.ts')
  const done = writers.map(({ sent }) => String(sent))
  const child = spawn(process.execPath, ['--import', 'tsx', program, data, durability, ...done], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines = createInterface({ input: child.stdout })
  const read = once(lines, 'close')
  lines.on('line', (line) => {
    const [writer = '', operation, sent] = line.split(' ')
    const progress = writers[Number(writer)]
    if (!progress) return
    if (sent === 'sent') progress.sent = Number(operation)
    else progress.acknowledged = Number(operation)
  })
  const first = await Promise.race([once(lines, 'line'), ended.then(() => undefined)])
  if (first !== undefined) await Promise.race([moment(), ended])
  const alive = child.exitCode === null
  child.kill('SIGKILL')
  await Promise.all([ended, read])
  if (!alive) throw new Error(`the program ended by itself: ${errors.trim()}`)
}
