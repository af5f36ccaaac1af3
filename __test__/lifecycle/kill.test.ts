/**
 * A process under load is killed with SIGKILL at random moments, again and again on one directory:
 * every write that was acknowledged is there afterwards, and what is there is a prefix of what was
 * written.
 */
import test, { type ExecutionContext } from 'ava'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { open, serve } from 'skeg'
import { byLevel } from '../fixtures/levels.ts'
import { directory } from '../fixtures/stores.ts'
import { writeProgram } from '../fixtures/programs.ts'

const KILLS = byLevel(5, 25, 100)
const WRITERS = 8

/** The last number that each writer was told is safe. */
type Acknowledged = number[]

/**
 * Each writer counts up one key, then a pair of keys that is written together. After a kill it begins
 * with the number that it had: its pair may be missing.
 */
async function check(t: ExecutionContext, data: string, acknowledged: Acknowledged): Promise<void> {
  const db = await open(data)
  for (let w = 0; w < WRITERS; w++) {
    const stored = Number((await db.get(`writer:${w}`)) ?? -1)
    t.true(stored >= (acknowledged[w] ?? -1), `writer ${w}: ${stored} < ${acknowledged[w] ?? -1}`)
    const [left, right] = await db.getMany([`left:${w}`, `right:${w}`])
    t.is(left, right, 'a batch is whole')
    // One after the other, so the pair is at most one behind.
    t.true(stored - Number(left ?? -1) <= 1, `writer ${w}: ${stored} without ${stored - 1}'s pair`)
  }
  await db.close()
}

test('killed while a program writes', async (t) => {
  const folder = directory(t)
  const program = writeProgram(
    folder,
    'writer.mjs',
    `import { writeSync } from 'node:fs'
     const db = await skeg.open('data')
     const durability = process.argv[2]
     await Promise.all(Array.from({ length: ${WRITERS} }, async (_, w) => {
       for (let n = Number((await db.get('writer:' + w)) ?? 0); ; n++) {
         await db.set('writer:' + w, String(n), { durability })
         writeSync(1, w + ' ' + n + '\\n')
         await db.batch().set('left:' + w, String(n)).set('right:' + w, String(n)).write({ durability })
       }
     }))`,
  )
  const acknowledged: Acknowledged = []
  for (let kill = 0; kill < KILLS; kill++) {
    const durability = kill % 2 === 0 ? 'kernel' : 'disk'
    const child = spawn(process.execPath, [program, durability], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => {
      const [w, n] = line.split(' ').map(Number)
      if (w !== undefined && n !== undefined) acknowledged[w] = n
    })
    await once(lines, 'line')
    await sleep(Math.random() * 150)
    child.kill('SIGKILL')
    await Promise.all([once(child, 'close'), once(lines, 'close')])
    await check(t, path.join(folder, 'data'), acknowledged)
  }
})

test('killed while clients write over the network', async (t) => {
  const data = path.join(directory(t), 'data')
  const acknowledged: Acknowledged = []
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await serve({ data, port: 0 })
    const clients = Array.from({ length: WRITERS }, () => {
      const client = new Redis(server.port, { retryStrategy: null, maxRetriesPerRequest: 0 })
      client.on('error', () => undefined)
      return client
    })
    const writing = clients.map(async (client, w) => {
      for (let n = acknowledged[w] ?? 0; ; n++) {
        await client.set(`writer:${w}`, n)
        acknowledged[w] = n
        await client.mset({ [`left:${w}`]: n, [`right:${w}`]: n })
      }
    })
    await sleep(50 + Math.random() * 150)
    process.kill(server.pid, 'SIGKILL')
    await Promise.allSettled(writing)
    for (const client of clients) client.disconnect()
    await server.close()
    await check(t, data, acknowledged)
  }
})
