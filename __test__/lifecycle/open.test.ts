/** Opening and closing: who may, and what is refused. */
import test from 'ava'
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { open } from 'skeg'
import { directory, rejects } from '../fixtures/stores.ts'
import { writeProgram } from '../fixtures/programs.ts'

test('what was stored is there when the store is opened again', async (t) => {
  const folder = path.join(directory(t), 'new', 'folder')
  const db = await open(folder)
  await db.setMany([
    ['a', '1'],
    ['b', '2'],
  ])
  await db.set('later', '3', { ttl: 60_000 })
  await db.del('b')
  await db.close()
  const again = await open(folder)
  t.deepEqual(await again.getMany(['a', 'b', 'later']), ['1', null, '3'])
  t.true(((await again.getTtl('later')) ?? 0) > 50_000)
  await again.close()
})

test('snapshots are taken when asked for and by time', async (t) => {
  const folder = directory(t)
  const snapshots = (): string[] => readdirSync(path.join(folder, 'snap'))
  const db = await open(folder, { snapshotEvery: { ms: 1, writes: 1_000 } })
  const written = db.set('a', '1')
  await db.snapshot()
  t.deepEqual(snapshots(), ['00000001.snap'])
  t.true(await written)
  await db.setMany(Array.from({ length: 1_000 }, (_, i) => [`key:${i}`, 'value']))
  for (let i = 0; i < 999; i++) await db.set('b', String(i))
  while (snapshots().includes('00000001.snap')) await setTimeout(10)
  await db.close()
  const again = await open(folder, { snapshotEvery: { ms: 1, writes: 1_000 } })
  t.deepEqual(await again.getMany(['a', 'key:999']), ['1', 'value'])
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(folder, { snapshotEvery: { ms: 0 } }))
  await again.close()
  const memory = await open({ memory: true })
  await rejects(t, 'ERR_REPLY', () => memory.snapshot())
  await memory.close()
})

test('an older snapshot that is kept serves when the newest is damaged, with a warning', async (t) => {
  const folder = directory(t)
  const options = { keepSnapshots: 2 }
  const db = await open(folder, options)
  for (const value of ['1', '2', '3']) {
    await db.set('a', value)
    await db.snapshot()
  }
  await db.set('b', '4')
  await db.close()
  const names = readdirSync(path.join(folder, 'snap'))
  t.deepEqual(names, ['00000002.snap', '00000003.snap'])
  const file = path.join(folder, 'snap', '00000003.snap')
  const bytes = readFileSync(file)
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
  writeFileSync(file, bytes)
  const warning = once(process, 'warning') as Promise<[Error]>
  const again = await open(folder, options)
  t.regex((await warning)[0].message, /00000003\.snap is damaged at offset 64/)
  t.deepEqual(await again.getMany(['a', 'b']), ['3', '4'])
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(folder, { keepSnapshots: 3 }))
  await again.close()
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(folder, { keepSnapshots: 9 }))
})

test('closing twice is closing once; later calls reject', async (t) => {
  const db = await open(directory(t))
  const written = db.set('a', '1')
  const closing = db.close()
  t.is(db.close(), closing)
  await rejects(t, 'ERR_CLOSED', () => db.get('a'))
  await rejects(t, 'ERR_CLOSED', () => db.set('a', '2'))
  await rejects(t, 'ERR_CLOSED', () => db.call('PING'))
  await rejects(t, 'ERR_CLOSED', () => db.transaction((tx) => void tx.set('a', '2')))
  await rejects(t, 'ERR_CLOSED', () => db.flush())
  await rejects(t, 'ERR_CLOSED', () => db.listen({ port: 0 }))
  t.throws(() => db.getSync('a'), { code: 'ERR_CLOSED' })
  t.true(await written, 'calls made before settle')
  await closing
})

test('two handles of one directory are one store', async (t) => {
  const folder = directory(t)
  const one = await open(folder)
  const two = await open(path.join(folder, '.'))
  await one.set('a', '1')
  t.is(await two.get('a'), '1')
  await one.close()
  t.true(await two.set('a', '2'), 'the other handle keeps it open')
  await two.close()
  await rejects(t, 'ERR_CLOSED', () => two.get('a'))
})

test('a store that is open already can not be opened with other options', async (t) => {
  const folder = directory(t)
  const db = await open(folder, { shards: 4 })
  t.teardown(() => db.close())
  const differing = [
    { shards: 8 },
    { durability: 'disk' },
    { readOnly: true },
    { snapshotEvery: { ms: 1_000 } },
    { keepSnapshots: 2 },
    { inlineMax: 4_096 },
    { cache: 1_000_000 },
    { maxMemory: 100_000_000 },
    { eviction: 'allkeys-lru' },
    { groupDepth: 1 },
  ] as const
  for (const options of differing) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(folder, options))
  }
  await (await open(folder, { shards: 4 })).close()
  await (await open(folder)).close()
})

test('an open gives a store another number of shards, unless it only reads', async (t) => {
  const folder = directory(t)
  const db = await open(folder, { shards: 4 })
  await db.setMany(Array.from({ length: 100 }, (_, i) => [`key:${i}`, `value ${i}`]))
  await db.hSet('hash', { field: 'value' })
  await db.close()
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(folder, { shards: 8, readOnly: true }))
  for (const shards of [8, 1, 'auto'] as const) {
    const again = await open(folder, { shards })
    t.is(await again.get('key:77'), 'value 77')
    t.deepEqual(await again.hGetAll('hash'), { field: 'value' })
    t.is(await again.dbSize(), 101)
    await again.close()
  }
  for (const shards of [3, 512, 0, -1, 1.5]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(directory(t), { shards }))
  }
})

test('another process is refused, and told who has it', async (t) => {
  const folder = directory(t)
  const program = writeProgram(
    folder,
    'holder.mjs',
    `await skeg.open('data')
     process.send('open')
     process.on('message', () => process.exit(0))`,
  )
  const child = fork(program, { cwd: folder, execArgv: [] })
  await once(child, 'message')
  const error = await rejects(t, 'ERR_LOCKED', () => open(path.join(folder, 'data')))
  t.true(error.message.includes(String(child.pid)), error.message)
  t.true(error.retryable)
  const waiting = open(path.join(folder, 'data'), { waitForLock: 60_000 })
  child.send('go')
  await once(child, 'exit')
  await (await waiting).close()
  await (await open(path.join(folder, 'data'))).close()
})

test('a store in memory is found by its name, and gone when the last handle is closed', async (t) => {
  const one = await open({ memory: true, name: 'cache' })
  const two = await open({ memory: true, name: 'cache' })
  const other = await open({ memory: true })
  await one.set('a', '1')
  t.is(await two.get('a'), '1')
  t.is(await other.get('a'), null)
  await Promise.all([one.close(), two.close(), other.close()])
  const again = await open({ memory: true, name: 'cache' })
  t.is(await again.get('a'), null)
  await again.close()
})

test('a store that must exist and does not is not found, and not created', async (t) => {
  const folder = directory(t)
  await rejects(t, 'ERR_NOT_FOUND', () => open(path.join(folder, 'no'), { createIfMissing: false }))
  await rejects(t, 'ERR_NOT_FOUND', () => open(folder, { createIfMissing: false }))
  await rejects(t, 'ERR_NOT_FOUND', () => open(folder, { readOnly: true }))
  t.deepEqual(readdirSync(folder), [])
})

test('a store that is open read-only refuses writes and serves reads', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await db.set('a', '1')
  const docs = await db.index('docs', { dim: 2 })
  await docs.set('x', [1, 0])
  await db.close()
  const reader = await open(folder, { readOnly: true })
  t.teardown(() => reader.close())
  t.is(await reader.get('a'), '1')
  const found = await reader.index('docs', { dim: 2 })
  t.is((await found.search([1, 0]))[0]?.id, 'x')
  await rejects(t, 'ERR_READ_ONLY', () => found.set('y', [0, 1]))
  await rejects(t, 'ERR_INDEX_MISMATCH', () => reader.index('docs', { dim: 3 }))
  await rejects(t, 'ERR_READ_ONLY', () => reader.index('other', { dim: 2 }))
  await rejects(t, 'ERR_READ_ONLY', () => reader.set('a', '2'))
  await rejects(t, 'ERR_READ_ONLY', () => reader.del('a'))
  await rejects(t, 'ERR_READ_ONLY', () => reader.batch().set('a', '2').write())
  t.is(await reader.get('a'), '1')
})

test('a directory of something else, a file and a place without rights are refused', async (t) => {
  const folder = directory(t)
  const foreign = path.join(folder, 'foreign')
  mkdirSync(foreign)
  writeFileSync(path.join(foreign, 'MANIFEST'), 'something else entirely')
  const error = await t.throwsAsync(open(foreign))
  t.regex(
    (error as { code?: string }).code ?? '',
    /^ERR_(CORRUPT|INVALID_ARGUMENT|FORMAT_VERSION)$/,
  )
  t.is(readdirSync(foreign).includes('log'), false, 'nothing was begun there')

  const occupied = path.join(folder, 'occupied')
  mkdirSync(occupied)
  writeFileSync(path.join(occupied, 'package.json'), '{}')
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => open(occupied))
  t.deepEqual(readdirSync(occupied), ['package.json'])

  const file = path.join(folder, 'file')
  writeFileSync(file, '')
  const onFile = await t.throwsAsync(open(file))
  t.regex((onFile as { code?: string }).code ?? '', /^ERR_/)

  if (process.getuid?.() !== 0) {
    const closed = path.join(folder, 'closed')
    mkdirSync(closed)
    chmodSync(closed, 0o500)
    await rejects(t, 'ERR_IO', () => open(path.join(closed, 'data')))
  }
})

test('wrong options reject, never throw', async (t) => {
  const bad = open as unknown as (...args: unknown[]) => Promise<unknown>
  const calls: unknown[][] = [
    [],
    [''],
    ['a\0b'],
    [5],
    [null],
    ['x', null],
    ['x', { durability: 'sometimes' }],
    ['x', { readOnly: 'yes' }],
    ['x', { shard: 4 }],
    ['x', { memory: true }],
    [{ memory: false }],
    [{}],
    [{ memory: true, name: '' }],
    [{ memory: true, readOnly: true }],
  ]
  for (const args of calls) await rejects(t, 'ERR_INVALID_ARGUMENT', () => bad(...args))
})

test('await using closes', async (t) => {
  const folder = directory(t)
  {
    await using db = await open(folder)
    await db.set('a', '1')
  }
  t.deepEqual((await open(folder, { shards: 16 })).pressure, { calls: 0, bytes: 0 })
})
