/** Reading, writing and deleting strings. */
import test from 'ava'
import { setTimeout as sleep } from 'node:timers/promises'
import { directory, diskStore, memoryStore, rejects } from '../fixtures/stores.ts'
import { open } from 'skeg'

test('what was set is read, as string and as bytes', async (t) => {
  const db = await memoryStore(t)
  t.true(await db.set('key', 'wert ü €'))
  t.is(await db.get('key'), 'wert ü €')
  t.is(db.getSync('key'), 'wert ü €')
  t.deepEqual(await db.getBuffer('key'), Buffer.from('wert ü €'))
  t.deepEqual(db.getBufferSync('key'), Buffer.from('wert ü €'))
})

test('a missing key is null everywhere', async (t) => {
  const db = await memoryStore(t)
  t.is(await db.get('no'), null)
  t.is(db.getSync('no'), null)
  t.is(await db.getBuffer('no'), null)
  t.is(db.getBufferSync('no'), null)
  t.is(await db.getTtl('no'), null)
  t.false(await db.exists('no'))
  t.deepEqual(await db.getMany(['no']), [null])
})

test('keys and values are bytes: strings stand for their UTF-8', async (t) => {
  const db = await memoryStore(t)
  const key = Uint8Array.of(0, 255, 128)
  await db.set(key, Uint8Array.of(1, 0, 254))
  t.deepEqual(await db.getBuffer(Buffer.from(key)), Buffer.from([1, 0, 254]))
  await db.set(Buffer.from('ö'), 'x')
  t.is(await db.get('ö'), 'x')
  await db.set('', 'empty key')
  t.is(await db.get(new Uint8Array()), 'empty key')
  await db.set('empty value', '')
  t.is(await db.get('empty value'), '')
})

test('long keys and values, around the sizes where the way to native code changes', async (t) => {
  const db = await memoryStore(t)
  for (const length of [1, 255, 256, 1_019, 1_020, 1_021, 1_022, 1_023, 1_024, 1_025, 70_000]) {
    for (const unit of ['a', 'ü', '€', '😀']) {
      const text = unit.repeat(length)
      await db.set(text, text)
      t.is(await db.get(text), text, `${length} times ${unit}`)
    }
  }
})

test('a buffer may be changed as soon as the call has returned', async (t) => {
  const db = await memoryStore(t)
  const key = Buffer.from('key')
  const value = Buffer.from('value')
  const set = db.set(key, value)
  key.fill(0)
  value.fill(0)
  await set
  t.is(await db.get('key'), 'value')

  const later = [Buffer.from('a'), Buffer.from('value')] as const
  const batch = db
    .batch()
    .set(...later)
    .del(key)
  later.forEach((buffer) => buffer.fill(0))
  await batch.write()
  const inside = [Buffer.from('b'), Buffer.from('value')] as const
  await db.transaction((tx) => {
    tx.set(...inside)
    inside.forEach((buffer) => buffer.fill(0))
  })
  t.deepEqual(await db.getMany(['a', 'b', 'key']), ['value', 'value', 'value'])

  // Somebody is faster, so the update reads its key again.
  const counted = Buffer.from('a')
  let isFirst = true
  const updated = db.update(counted, (old) => {
    if (isFirst) void db.set('a', 'other')
    isFirst = false
    return `${old}!`
  })
  counted.fill('b')
  t.is(await updated, 'other!')
  t.deepEqual(await db.getMany(['a', 'b']), ['other!', 'value'])

  const vector = Float32Array.of(1, 2)
  const docs = await db.index('docs', { dim: 2, metric: 'ip' })
  const stored = [docs.set('id', vector), db.vset('docs', 'named', vector)]
  vector.fill(0)
  await Promise.all(stored)
  t.deepEqual(await docs.get('id'), Float32Array.of(1, 2))
  t.deepEqual(await docs.get('named'), Float32Array.of(1, 2))
})

test('what is neither a string nor bytes is refused, also in batches', async (t) => {
  const db = await memoryStore(t)
  for (const wrong of [5, null, undefined, {}, ['a']] as unknown as string[]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.set('key', wrong))
    await rejects(t, 'ERR_INVALID_ARGUMENT', () =>
      db.transaction((tx) => void tx.set('key', wrong)),
    )
    t.throws(() => db.batch().set('key', wrong), { code: 'ERR_INVALID_ARGUMENT' })
  }
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.update('key', () => 5 as unknown as string))
})

test('bytes that are no UTF-8 can be had as bytes only', async (t) => {
  const db = await memoryStore(t)
  await db.set('key', Uint8Array.of(0xff))
  await rejects(t, 'ERR_ENCODING', () => db.get('key'))
  await rejects(t, 'ERR_ENCODING', () => db.getMany(['key']))
  t.throws(() => db.getSync('key'), { code: 'ERR_ENCODING' })
  t.deepEqual(await db.getBuffer('key'), Buffer.from([0xff]))
})

test('a string without UTF-8 form is refused, one with U+FFFD in it is not', async (t) => {
  const db = await memoryStore(t)
  await rejects(t, 'ERR_ENCODING', () => db.get('\ud800'))
  await rejects(t, 'ERR_ENCODING', () => db.set('key', 'a\udc00b'))
  await rejects(t, 'ERR_ENCODING', () => db.call('GET', '\ud800'))
  await db.set('\ufffd', '\ufffd')
  t.is(await db.get('\ufffd'), '\ufffd')
})

test('set with conditions says whether it was made', async (t) => {
  const db = await memoryStore(t)
  t.false(await db.set('key', '1', { ifPresent: true }))
  t.true(await db.set('key', '2', { ifAbsent: true }))
  t.false(await db.set('key', '3', { NX: true }))
  t.true(await db.set('key', '4', { XX: true }))
  t.is(await db.set('key', '5', { GET: true }), '4')
  t.is(await db.get('key'), '5')
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.set('k', 'v', { NX: true, ifPresent: true }))
})

test('keys expire, and deadlines can be asked for, moved and taken away', async (t) => {
  const db = await memoryStore(t)
  await db.set('short', '1', { ttl: 5 })
  await db.set('long', '1', { EX: 100 })
  const ttl = (await db.getTtl('long')) ?? 0
  t.true(ttl > 90_000 && ttl <= 100_000, String(ttl))
  while ((await db.get('short')) !== null) await sleep(1)
  t.false(await db.exists('short'))

  await db.set('long', '2', { keepTtl: true })
  t.not(await db.getTtl('long'), null)
  await db.set('long', '3')
  t.is(await db.getTtl('long'), null)
  t.true(await db.setTtl('long', 50_000))
  t.not(await db.getTtl('long'), null)
  t.true(await db.setTtl('long', null))
  t.is(await db.getTtl('long'), null)
  t.false(await db.setTtl('no', 1_000))

  await db.set('at', '1', { expireAt: new Date(Date.now() + 60_000) })
  t.true(((await db.getTtl('at')) ?? 0) > 50_000)
  await db.set('past', '1', { expireAt: 1 })
  t.is(await db.get('past'), null)
})

test('insert, cas and update do all or nothing', async (t) => {
  const db = await memoryStore(t)
  await db.insert('key', '1')
  await rejects(t, 'ERR_KEY_EXISTS', () => db.insert('key', '2'))
  await rejects(t, 'ERR_CAS_MISMATCH', () => db.cas('key', '2', '3'))
  await rejects(t, 'ERR_CAS_MISMATCH', () => db.cas('missing', '2', '3'))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.insert('new', '1', { GET: true } as object))
  t.false(await db.exists('new'))
  t.is(await db.get('key'), '1')
  await db.cas('key', '1', '2')
  t.is(await db.get('key'), '2')

  await db.setTtl('key', 60_000)
  t.is(await db.update('key', (value) => String(Number(value) + 1)), '3')
  t.not(await db.getTtl('key'), null, 'the deadline stays')
  t.is(await db.update('key', () => undefined), '3')
  t.is(await db.update('key', () => null), null)
  t.false(await db.exists('key'))
  t.is(await db.update('new', (value) => value ?? 'first'), 'first')
  const thrown = await t.throwsAsync(
    db.update('new', () => {
      throw new Error('mine')
    }),
  )
  t.is(thrown.message, 'mine')
  t.is(await db.get('new'), 'first')
})

test('concurrent updates are all counted', async (t) => {
  const db = await memoryStore(t)
  const add = (value: string | null): string => String(Number(value ?? 0) + 1)
  await Promise.all(Array.from({ length: 100 }, () => db.update('n', add)))
  t.is(await db.get('n'), '100')
})

test('several keys at once', async (t) => {
  const db = await diskStore(t)
  await db.setMany(
    new Map([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]),
  )
  t.deepEqual(await db.getMany(['c', 'no', 'a']), ['3', null, '1'])
  t.deepEqual(await db.getManyBuffer(['a']), [Buffer.from('1')])
  t.deepEqual(await db.getMany([]), [])
  await db.setMany([])
  t.is(await db.del('a', 'no', 'b'), 2)
  t.is(await db.del(), 0)
  t.is(await db.get('c'), '3')
  const many = Array.from({ length: 3_000 }, (_, n) => [`many:${n}`, String(n)] as const)
  await db.setMany(many)
  t.deepEqual(
    await db.getMany(many.map(([key]) => key)),
    many.map(([, value]) => value),
  )
})

test('wrong arguments reject, never throw', async (t) => {
  const db = await memoryStore(t)
  const bad = db as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const calls: [string, ...unknown[]][] = [
    ['get', 5],
    ['get'],
    ['getBuffer', null],
    ['set', 'k'],
    ['set', undefined, 'v'],
    ['set', 'k', {}],
    ['set', 'k', 'v', { ttl: 0 }],
    ['set', 'k', 'v', { ttl: 1.5 }],
    ['set', 'k', 'v', { ttl: Number.NaN }],
    ['set', 'k', 'v', { ttl: 1, EX: 1 }],
    ['set', 'k', 'v', { tll: 1 }],
    ['set', 'k', 'v', { durability: 'disc' }],
    ['set', 'k', 'v', null],
    ['set', 'k', new Uint16Array(2)],
    ['setTtl', 'k', -1],
    ['setMany', [['k']]],
    ['getMany', [1]],
    ['getMany', null],
    ['del', 3],
    ['exists', Symbol('s')],
    ['call', ''],
    ['call', 'GET', {}],
    ['index', 'docs', { dim: 0 }],
    ['index', 'docs', { dim: 2, metrik: 'ip' }],
    ['insert', 'k', 'v', { unknown: true }],
    ['setMany', 5],
    ['update', 'k', 'v'],
    ['cas', 'k', 1, 'v'],
  ]
  for (const [method, ...args] of calls) {
    const call = bad[method]?.bind(db)
    if (call === undefined) throw new Error(`no method ${method}`)
    const error = await t.throwsAsync(
      call(...args),
      undefined,
      `${method}(${args.map(String).join()})`,
    )
    t.is((error as { code?: string }).code, 'ERR_INVALID_ARGUMENT', `${method}: ${error.message}`)
  }
})

test('limits are refused before anything is changed', async (t) => {
  const db = await memoryStore(t)
  await rejects(t, 'ERR_TOO_LARGE', () => db.set('k'.repeat(512 * 1_024 + 1), 'v'))
  await db.set('k'.repeat(512 * 1_024), 'v')
  t.is(await db.get('k'.repeat(512 * 1_024)), 'v')
})

test('too much in flight is refused, and can be waited for', async (t) => {
  const db = await open(directory(t), { maxPendingCalls: 10, maxPendingBytes: 1_000 })
  t.teardown(() => db.close())
  const sets = Array.from({ length: 20 }, (_, n) => db.set(`key:${n}`, 'v'))
  const settled = await Promise.allSettled(sets)
  t.is(settled.filter(({ status }) => status === 'fulfilled').length, 10)
  t.is(db.pressure.calls, 0)
  // Alone it may be as large as it likes: nothing would become better by waiting.
  await db.set('big', 'v'.repeat(1_001))
  const first = db.set('a', 'v'.repeat(600))
  const error = await rejects(t, 'ERR_BUSY', () => db.set('big', 'v'.repeat(1_001)))
  t.true(error.retryable)
  t.is(db.pressure.calls, 1)
  t.true(db.pressure.bytes >= 600)
  await rejects(t, 'ERR_BUSY', () => db.set('b', 'v'.repeat(600)))
  await db.drain()
  await db.set('b', 'v'.repeat(600))
  await first
})
