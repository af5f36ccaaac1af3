/** `call`, scanning and figures. */
import test from 'ava'
import { memoryStore, rejects } from '../fixtures/stores.ts'

test('call runs every command of the server', async (t) => {
  const db = await memoryStore(t)
  t.is(await db.call('SET', 'n', 5), 'OK')
  t.is(await db.call('incrby', 'n', 37n), 42)
  t.is(await db.call('INCRBY', 'n', 9_007_199_254_740_991n), 9_007_199_254_741_033n)
  t.is(await db.call('GET', 'no'), null)
  t.deepEqual(await db.call('MGET', 'n', 'no'), ['9007199254741033', null])
  t.deepEqual(await db.callBuffer('GET', 'n'), Buffer.from('9007199254741033'))
  t.deepEqual(await db.call('CONFIG', 'GET', 'maxmemory'), { maxmemory: '0' })
  t.is(await db.call('PING'), 'PONG')
  t.is(typeof (await db.call('TIME')), 'object')
})

test('what a command refuses is an error with a code', async (t) => {
  const db = await memoryStore(t)
  await db.set('text', 'x')
  await rejects(t, 'ERR_REPLY', () => db.call('NOPE'))
  await rejects(t, 'ERR_REPLY', () => db.call('SET', 'a'))
  await rejects(t, 'ERR_REPLY', () => db.call('INCR', 'text'))
})

test('commands about a connection are refused: there is none', async (t) => {
  const db = await memoryStore(t)
  for (const name of ['MULTI', 'exec', 'WATCH', 'SELECT', 'QUIT', 'HELLO', 'SHUTDOWN', 'WAITAOF']) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.call(name, '1'))
  }
  await db.set('a', '1')
  t.is(await db.get('a'), '1')
})

test('scan returns every key, and those that match', async (t) => {
  const db = await memoryStore(t)
  const keys = Array.from({ length: 1_000 }, (_, n) => `key:${n}`)
  await db.setMany(keys.map((key) => [key, '1'] as const))
  await db.set('other', '1')
  const all = new Set<string>()
  for await (const key of db.scan()) all.add(key)
  t.is(all.size, 1_001)
  const some: string[] = []
  for await (const key of db.scan({ match: 'key:99?', count: 10 })) some.push(key)
  t.is(new Set(some).size, 10)
  for await (const key of db.scanBuffer({ match: 'other' })) t.deepEqual(key, Buffer.from('other'))
  t.throws(() => db.scan({ batch: 3 } as never), { code: 'ERR_INVALID_ARGUMENT' })
  t.throws(() => db.scan({ type: 'text' as never }), { code: 'ERR_INVALID_ARGUMENT' })
  await db.sAdd('set', 'member')
  const sets: string[] = []
  for await (const key of db.scan({ type: 'set' })) sets.push(key)
  t.deepEqual(sets, ['set'])
})

test('figures count keys, reads and memory', async (t) => {
  const db = await memoryStore(t)
  await db.set('a', '1', { ttl: 60_000 })
  await db.get('a')
  await db.get('no')
  const stats = await db.stats()
  t.like(stats, { keys: 1, expiring: 1, hits: 1, misses: 1 })
  t.true(stats.memoryBytes > 0)
})
