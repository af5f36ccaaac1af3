/** Values written in pieces: what a key holds before, then, and when it does not come to that; and what it takes of memory. */
import test from 'ava'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { open, type Database, type ValueSource } from 'skeg'
import { runProgram } from '../fixtures/programs.ts'
import { directory, diskStore, memoryStore, rejects } from '../fixtures/stores.ts'

const MIB = 1024 * 1024

/** A piece of a value, another one for each number. */
const piece = (number: number, length = 100_000): Buffer =>
  Buffer.alloc(length, `${number} and so on, `)

/** So many pieces, given one after the other. */
async function* pieces(count: number): AsyncGenerator<Buffer> {
  for (let number = 0; number < count; number++) {
    await new Promise(setImmediate)
    yield piece(number)
  }
}

/** What they come to. */
const whole = (count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, number) => piece(number)))

/** Files of values in a store. */
function files(folder: string): number {
  const values = path.join(folder, 'values')
  return existsSync(values) ? readdirSync(values).length : 0
}

/** The value of a key, by a stream. */
async function streamed(db: Database, key: string): Promise<Buffer> {
  const stream = await db.getStream(key)
  if (stream === null) throw new Error('there is no such key')
  return buffer(stream)
}

/** Waits until something is so. */
async function eventually(what: () => boolean): Promise<void> {
  for (let round = 0; round < 500; round++) {
    if (what()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('it did not come to that')
}

test('a value is written in pieces, and its key changes at once', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await db.set('a', 'before')
  let seen: (string | null)[] = []
  async function* watched(): AsyncGenerator<Buffer> {
    for await (const next of pieces(50)) {
      seen = [...seen, await db.get('a')]
      yield next
    }
  }
  t.true(await db.setStream('a', watched()))
  t.deepEqual([...new Set(seen)], ['before'])
  t.true((await streamed(db, 'a')).equals(whole(50)))
  t.true((await db.getBuffer('a'))?.equals(whole(50)))
  await db.close()
  const again = await open(folder)
  t.true((await streamed(again, 'a')).equals(whole(50)))
  t.is(files(folder), 1)
  await again.del('a')
  await again.snapshot()
  await again.close()
})

test('any iterable of strings and bytes is a source', async (t) => {
  const db = await diskStore(t)
  const text = 'grüße, '.repeat(40_000)
  const sources: [ValueSource, Buffer][] = [
    [Readable.from([piece(1, 3 * MIB), piece(2)]), Buffer.concat([piece(1, 3 * MIB), piece(2)])],
    [[text, text, text, text, text], Buffer.from(text.repeat(5))],
    [new Set(['short']), Buffer.from('short')],
    [[], Buffer.alloc(0)],
    [[new Uint8Array(MIB), '', new Uint8Array(1)], Buffer.alloc(MIB + 1)],
    [[piece(3, MIB)], piece(3, MIB)],
    [[piece(4, 2 * MIB)], piece(4, 2 * MIB)],
  ]
  for (const [source, value] of sources) {
    t.true(await db.setStream('a', source))
    t.true((await db.getBuffer('a'))?.equals(value), `${value.length} bytes`)
  }
})

test('the options of set are there', async (t) => {
  const folder = directory(t)
  for (const db of [await open(folder), await memoryStore(t)]) {
    for (const count of [1, 30]) {
      const key = `key ${count}`
      t.false(await db.setStream(key, pieces(count), { ifPresent: true }))
      t.false(await db.exists(key))
      t.true(await db.setStream(key, pieces(count), { ifAbsent: true, ttl: 60_000 }))
      t.false(await db.setStream(key, pieces(2), { ifAbsent: true, durability: 'disk' }))
      t.true((await db.getBuffer(key))?.equals(whole(count)))
      const ttl = await db.pTTL(key)
      t.true(ttl > 50_000 && ttl <= 60_000)
      t.true(await db.setStream(key, pieces(count), { keepTtl: true, ifPresent: true }))
      t.true((await db.pTTL(key)) > 50_000)
      t.true(await db.setStream(key, pieces(count), { durability: 'disk' }))
      t.is(await db.pTTL(key), -1)
    }
    await db.snapshot().catch(() => undefined)
    await db.close()
  }
  const db = await open(folder)
  t.true((await db.getBuffer('key 30'))?.equals(whole(30)))
  await db.snapshot()
  t.true(files(folder) >= 1)
  await db.close()
})

test('a source that fails, a signal, and the end of the store leave nothing', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await db.set('a', 'before')
  const failure = new Error('the source')
  async function* failing(): AsyncGenerator<Buffer> {
    yield* pieces(40)
    throw failure
  }
  t.is(await t.throwsAsync(db.setStream('a', failing())), failure)
  await eventually(() => files(folder) === 0)

  const controller = new AbortController()
  let returned = 0
  const slow = {
    [Symbol.asyncIterator]: () => {
      let given = 0
      return {
        next: () => {
          given += 1
          if (given <= 40) return Promise.resolve({ done: false as const, value: piece(given) })
          controller.abort()
          return new Promise<IteratorResult<Buffer>>(() => undefined)
        },
        return: () => {
          returned += 1
          return Promise.resolve({ done: true as const, value: undefined })
        },
      }
    },
  }
  await rejects(t, 'ERR_ABORTED', () => db.setStream('a', slow, { signal: controller.signal }))
  t.is(returned, 1)
  await rejects(t, 'ERR_ABORTED', () => db.setStream('a', pieces(1), { signal: controller.signal }))
  await eventually(() => files(folder) === 0)

  const source = new Readable({ read: () => undefined })
  source.push(piece(1, 3 * MIB))
  const writing = db.setStream('a', source)
  await eventually(() => files(folder) === 1)
  t.is(await db.get('a'), 'before')
  await Promise.all([db.close(), rejects(t, 'ERR_CLOSED', () => writing)])
  t.true(source.destroyed)
  t.is(files(folder), 0)
  await rejects(t, 'ERR_CLOSED', () => db.setStream('a', pieces(30)))
  const again = await open(folder)
  t.is(await again.get('a'), 'before')
  await again.close()
})

test('several at once, and one key for all', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  const numbers = Array.from({ length: 12 }, (_, number) => number)
  const given = await Promise.all(
    numbers.map((number) => db.setStream(`key ${number % 3}`, pieces(15 + number))),
  )
  t.true(given.every(Boolean))
  for (const key of ['key 0', 'key 1', 'key 2']) {
    const value = await streamed(db, key)
    t.true(numbers.some((number) => whole(15 + number).equals(value)))
  }
  await db.snapshot()
  t.is(files(folder), 3)
  await db.close()
})

test('arguments of setStream are checked', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  const wrong = (source: unknown, options = {}): Promise<unknown> =>
    db.setStream('a', source as ValueSource, options)
  for (const source of ['text', Buffer.from('bytes'), 7, null, undefined, {}, [7], [null]]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => wrong(source))
  }
  await rejects(t, 'ERR_ENCODING', () => wrong(['\ud800']))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => wrong([], { TTL: 1 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => wrong([], { GET: true }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.setStream(7 as unknown as string, pieces(20)))
  await rejects(t, 'ERR_TOO_LARGE', () => db.setStream(Buffer.alloc(2 ** 20), pieces(20)))
  t.is(files(folder), 0)
  await db.close()
  const reading = await open(folder, { readOnly: true })
  await rejects(t, 'ERR_READ_ONLY', () => reading.setStream('a', pieces(30)))
  await reading.close()
})

test('a value of 64 MiB is written without being held in memory', async (t) => {
  const folder = directory(t)
  const ended = await runProgram(
    folder,
    `const db = await skeg.open('data', { cache: 0 })
     let most = 0
     async function* source(count) {
       for (let n = 0; n < count; n++) {
         if (n % 64 === 0) gc()
         most = Math.max(most, process.memoryUsage.rss())
         yield Buffer.alloc(65_536, n % 251)
       }
     }
     await db.setStream('first', source(64))
     gc()
     const before = process.memoryUsage.rss()
     most = 0
     await db.setStream('a', source(1_024))
     let length = 0
     for await (const part of await db.getStream('a')) {
       for (let at = 0; at < part.length; at += 65_536) {
         if (part[at] !== ((length + at) / 65_536) % 251) throw new Error('another byte')
       }
       length += part.length
     }
     console.log(length, Math.ceil((most - before) / ${MIB}))
     await db.close()`,
    { execArgv: ['--expose-gc'] },
  )
  t.deepEqual([ended.code, ended.stderr], [0, ''])
  const [length, grown] = ended.stdout.split(' ').map(Number)
  t.is(length, 64 * MIB)
  t.true(grown !== undefined && grown < 24, `${grown} MiB more than before`)
})
