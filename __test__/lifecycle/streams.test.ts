/** Values as streams: what they give, whatever happens to their key, and what they take of memory. */
import test from 'ava'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { open, type Database, type ValueStream } from 'skeg'
import { runProgram } from '../fixtures/programs.ts'
import { directory, diskStore, memoryStore, rejects } from '../fixtures/stores.ts'

const MIB = 1024 * 1024

/** Bytes that differ from place to place, and from letter to letter. */
const bytes = (letter: string, length: number): Buffer =>
  Buffer.alloc(
    length,
    Array.from({ length: 251 }, (_, i) => String.fromCharCode(i) + letter).join(''),
    'latin1',
  )

/** The stream of a key that is there. */
async function streamOf(db: Database, key: string, range = {}): Promise<ValueStream> {
  const stream = await db.getStream(key, range)
  if (stream === null) throw new Error('there is no such key')
  return stream
}

/** A store whose values have all gone to the log. */
async function storeWith(folder: string, values: Record<string, Buffer>): Promise<Database> {
  const first = await open(folder)
  await first.setMany(Object.entries(values))
  await first.close()
  return open(folder, { cache: 0 })
}

test('a stream gives a value, or a range of it', async (t) => {
  const value = bytes('a', 3 * MIB + 5)
  const db = await storeWith(directory(t), {
    a: value,
    empty: Buffer.alloc(0),
    short: Buffer.from('1234'),
  })
  t.is(await db.getStream('missing'), null)
  const whole = await streamOf(db, 'a')
  t.is(whole.size, value.length)
  t.true((await buffer(whole)).equals(value))
  for (const [start, end] of [
    [0, 1],
    [262_143, 600_000],
    [3 * MIB, 9 * MIB],
    [9 * MIB, 9 * MIB],
    [7, 7],
  ] as const) {
    const range = await streamOf(db, 'a', { start, end })
    t.true((await buffer(range)).equals(value.subarray(start, end)), `${start} to ${end}`)
    t.is(range.size, value.length)
  }
  t.is((await buffer(await streamOf(db, 'short', { start: 1 }))).toString(), '234')
  t.is((await buffer(await streamOf(db, 'empty'))).length, 0)
  await db.close()
})

test('a stream gives what the key held when it was asked for', async (t) => {
  const db = await storeWith(directory(t), {
    changed: bytes('c', 4 * MIB),
    deleted: bytes('d', 4 * MIB),
  })
  const streams = [db.getStream('changed'), db.getStream('deleted')] as const
  const changes = [db.set('changed', 'new'), db.del('deleted')]
  const [changed, deleted] = await Promise.all(streams)
  await Promise.all(changes)
  // What the log had of them is not needed any more, but for the streams.
  for (let round = 0; round < 3; round++) {
    await db.set('other', bytes('o', 20 * MIB))
    await db.snapshot()
  }
  t.true(changed !== null && (await buffer(changed)).equals(bytes('c', 4 * MIB)))
  t.true(deleted !== null && (await buffer(deleted)).equals(bytes('d', 4 * MIB)))
  t.is(await db.get('changed'), 'new')
  t.is(await db.getStream('deleted'), null)
  await db.close()
})

test('the space of a value is given back when its stream is over or destroyed', async (t) => {
  const folder = directory(t)
  const db = await storeWith(folder, { a: bytes('a', 4 * MIB) })
  const oldest = (): string | undefined => readdirSync(path.join(folder, 'log')).sort()[0]
  const before = oldest()
  const [read, given] = [await streamOf(db, 'a'), await streamOf(db, 'a')]
  await db.del('a')
  await db.snapshot()
  t.is(oldest(), before, 'it is being read')
  t.is((await buffer(read)).length, 4 * MIB)
  for await (const part of given) {
    t.is((part as Buffer).length, 256 * 1024)
    break
  }
  t.true(given.destroyed)
  // What is being read when a stream is destroyed counts until it is there.
  for (let tries = 0; oldest() === before && tries < 100; tries++) await db.snapshot()
  t.not(oldest(), before)
  await db.close()
})

test('a value that is in memory only ends its stream with ERR_CONFLICT when it changes', async (t) => {
  for (const db of [await memoryStore(t), await diskStore(t)]) {
    await db.set('a', bytes('a', MIB))
    await db.call('APPEND', 'a', 'tail')
    const expected = Buffer.concat([bytes('a', MIB), Buffer.from('tail')])
    const [whole, part] = [await streamOf(db, 'a'), await streamOf(db, 'a')]
    t.true((await buffer(whole)).equals(expected))
    await db.call('APPEND', 'a', 'more')
    await rejects(t, 'ERR_CONFLICT', () => buffer(part))
  }
})

test('a stream of a value that goes to the log meanwhile goes on there', async (t) => {
  const db = await diskStore(t)
  const value = bytes('v', 8 * MIB)
  void db.set('a', value)
  const stream = await streamOf(db, 'a')
  await db.flush()
  t.true((await buffer(stream)).equals(value))
})

test('a signal that comes before the stream rejects the call and nothing else', async (t) => {
  const db = await storeWith(directory(t), { a: bytes('a', 4 * MIB) })
  t.teardown(() => db.close())
  // It may read any key, so what is called after it waits for it.
  const saved = db.call('SAVE')
  const controller = new AbortController()
  const stream = db.getStream('a', { signal: controller.signal })
  controller.abort()
  await rejects(t, 'ERR_ABORTED', () => stream)
  await saved
  t.is((await buffer(await streamOf(db, 'a'))).length, 4 * MIB)
})

test('a signal and the end of the store destroy a stream', async (t) => {
  const db = await storeWith(directory(t), { a: bytes('a', 4 * MIB) })
  const controller = new AbortController()
  const [called, closed, idle] = [
    await streamOf(db, 'a', { signal: controller.signal }),
    await streamOf(db, 'a'),
    await streamOf(db, 'a'),
  ]
  const reading = buffer(called)
  controller.abort()
  await rejects(t, 'ERR_ABORTED', () => reading)
  await rejects(t, 'ERR_ABORTED', () => db.getStream('a', { signal: controller.signal }))
  const ended = buffer(closed)
  await Promise.all([db.close(), rejects(t, 'ERR_CLOSED', () => ended)])
  t.true(idle.destroyed, 'nobody listened to it: no error that would end the process')
  await rejects(t, 'ERR_CLOSED', () => db.getStream('a'))
})

test('options and keys of getStream are checked', async (t) => {
  const db = await memoryStore(t)
  await db.hSet('hash', { a: '1' })
  await rejects(t, 'ERR_WRONG_TYPE', () => db.getStream('hash'))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.getStream('a', { start: -1 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.getStream('a', { start: 5, end: 4 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.getStream('a', { begin: 0 } as object))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.getStream(7 as unknown as string))
})

test('a value of 64 MiB is read, and ranges of it, without being held in memory', async (t) => {
  const folder = directory(t)
  const db = await open(`${folder}/data`, { maxPendingBytes: 128 * MIB })
  await db.set('a', bytes('a', 64 * MIB))
  await db.close()
  const ended = await runProgram(
    folder,
    `const db = await skeg.open('data', { cache: 0 })
     gc()
     const before = process.memoryUsage.rss()
     let [most, length, parts] = [0, 0, 0]
     for await (const part of await db.getStream('a')) {
       length += part.length
       if (++parts % 16 === 0) gc()
       most = Math.max(most, process.memoryUsage.rss())
     }
     for (let n = 0; n < 64; n++) {
       length += (await db.callBuffer('GETRANGE', 'a', n * ${MIB}, n * ${MIB} + 9)).length
       most = Math.max(most, process.memoryUsage.rss())
     }
     console.log(length, Math.ceil((most - before) / ${MIB}))
     await db.close()`,
    { execArgv: ['--expose-gc'] },
  )
  t.deepEqual([ended.code, ended.stderr], [0, ''])
  const [length, grown] = ended.stdout.split(' ').map(Number)
  t.is(length, 64 * MIB + 640)
  t.true(grown !== undefined && grown < 32, `${grown} MiB more than before`)
})
