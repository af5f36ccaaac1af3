/** Changes that fail by what a value is: a batch with them does what they do one by one, or nothing. */
import test from 'ava'
import fc from 'fast-check'
import { open, SkegError, type Database } from 'skeg'
import { directory, memoryStore, rejects } from '../fixtures/stores.ts'

type Call = readonly [method: string, ...args: unknown[]]
type Methods = Record<string, (...args: unknown[]) => unknown>

const UNFORESEEN = 'is not known until it is made'

const string = fc.constantFrom('a', 'b')
const field = fc.constantFrom('f', 'g')
const value = fc.constantFrom('1', '-5', 'text', '3.5', '', '9223372036854775807')
const whole = fc.constantFrom<number | bigint>(1, -3, 2n ** 62n)
const float = fc.constantFrom(0.5, -3)

/** Calls that may fail by what a value is, those that change such values, and some others. */
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.tuple(fc.constantFrom('incr', 'decr', 'del', 'persist'), string),
  fc.tuple(fc.constantFrom('incrBy', 'decrBy'), string, whole),
  fc.tuple(fc.constant('incrByFloat'), string, float),
  fc.tuple(fc.constantFrom('set', 'setNX', 'append'), string, value),
  fc.tuple(fc.constant('setRange'), string, fc.constantFrom(0, 3), value),
  fc.tuple(fc.constantFrom('setEx', 'pSetEx'), string, fc.constantFrom(100_000, 0), value),
  fc.tuple(fc.constant('mSet'), fc.array(fc.tuple(string, value), { minLength: 1 })),
  fc.tuple(fc.constant('expire'), string, fc.constantFrom(100, -1)),
  fc.tuple(fc.constantFrom('hSet', 'hSetNX'), fc.constant('h'), field, value),
  fc.tuple(fc.constant('hDel'), fc.constant('h'), field),
  fc.tuple(fc.constant('hIncrBy'), fc.constant('h'), field, whole),
  fc.tuple(fc.constant('hIncrByFloat'), fc.constant('h'), field, float),
  fc.tuple(fc.constantFrom('del', 'lPop'), fc.constantFrom('l', 'l', 'l')),
  fc.tuple(fc.constant('rPush'), fc.constant('l'), fc.constant('item')),
  fc.tuple(fc.constant('lSet'), fc.constant('l'), fc.constantFrom(0, -2), fc.constant('new')),
  fc.tuple(fc.constant('zIncrBy'), fc.constant('z'), float, fc.constant('member')),
)

/** Makes calls one by one; whether all of them did. */
async function make(db: Database, calls: readonly Call[]): Promise<boolean> {
  for (const [method, ...args] of calls) {
    try {
      await (db as unknown as Methods)[method]?.(...args)
    } catch (error) {
      if (error instanceof SkegError) return false
      throw error
    }
  }
  return true
}

async function contents(db: Database): Promise<unknown[]> {
  const [a, b, h, l, z] = await Promise.all([
    db.get('a'),
    db.get('b'),
    db.hGetAll('h'),
    db.lRange('l', 0, -1),
    db.zRangeWithScores('z', 0, -1),
  ])
  return [a, b, h, l, z, (await db.ttl('a')) > 0, (await db.ttl('b')) > 0]
}

test('a batch does what its changes do one by one, or nothing', async (t) => {
  const one = await memoryStore(t)
  const batched = await memoryStore(t)
  const counts = { done: 0, failed: 0, unforeseen: 0 }
  const property = fc.asyncProperty(
    fc.array(call, { maxLength: 4 }),
    fc.array(call, { minLength: 1, maxLength: 6 }),
    async (before, calls) => {
      for (const db of [one, batched]) {
        await db.flushAll()
        for (const first of before) await make(db, [first])
      }
      const untouched = await contents(batched)
      const isFine = await make(one, calls)
      const batch = batched.batch()
      for (const [method, ...args] of calls) (batch as unknown as Methods)[method]?.(...args)
      const error = await batch.write().then(
        () => undefined,
        (error: unknown) => (error instanceof SkegError ? error : t.fail(String(error))),
      )
      if (!(error instanceof SkegError)) {
        t.true(isFine)
        t.deepEqual(await contents(batched), await contents(one))
        counts.done++
        return
      }
      t.deepEqual(await contents(batched), untouched)
      const isUnforeseen = error.message.includes(UNFORESEEN)
      t.true(isUnforeseen || !isFine, error.message)
      counts[isUnforeseen ? 'unforeseen' : 'failed']++
    },
  )
  await fc.assert(property, { numRuns: 500 })
  t.true(counts.done > 100 && counts.failed > 50, JSON.stringify(counts))
  t.true(counts.unforeseen < 100, JSON.stringify(counts))
})

test('counters count in batches and transactions', async (t) => {
  const db = await memoryStore(t)
  await db.batch().set('n', '5').incr('n').incrBy('n', 10).decr('n').decrBy('n', 2n).write()
  t.is(await db.get('n'), '13')
  await db.batch().incrByFloat('x', 0.5).incrByFloat('x', 1).hIncrBy('h', 'f', 2).write()
  t.is(await db.get('x'), '1.5')
  await db.transaction(async (tx) => {
    const n = Number(await tx.get('n'))
    tx.hIncrBy('h', 'f', n).zIncrBy('z', n, 'm').append('log', 'a').append('log', 'b')
    tx.setEx('e', 100, 'v').lPush('l', 'a')
  })
  t.is(await db.hGet('h', 'f'), '15')
  t.is(await db.zScore('z', 'm'), 13)
  t.is(await db.get('log'), 'ab')
  t.is(await db.ttl('e'), 100)
  await db.batch().lSet('l', 0, 'b').write()
  t.deepEqual(await db.lRange('l', 0, -1), ['b'])
})

test('large strings are read from the disk to know', async (t) => {
  const place = directory(t)
  const first = await open(place)
  await first.set('large', 'y'.repeat(100_000))
  await first.set('zeros', '0'.repeat(5_000))
  await first.close()
  const db = await open(place, { cache: 0 })
  t.teardown(() => db.close())
  await rejects(t, 'ERR_REPLY', () => db.batch().set('new', '1').incr('large').write())
  await rejects(t, 'ERR_REPLY', () => db.batch().set('new', '1').incr('zeros').write())
  t.is(await db.get('new'), null)
  await db.batch().set('new', '1').append('large', 'z').setRange('large', 0, 'x').write()
  const large = await db.get('large')
  t.deepEqual([large?.length, large?.[0], large?.at(-1)], [100_001, 'x', 'z'])
  t.is(await db.get('new'), '1')
})

test('what fails by a value fails before anything is made', async (t) => {
  const db = await memoryStore(t)
  await db.set('text', 'x')
  await db.set('large', 'y'.repeat(100_000))
  await db.hSet('h', 'f', 'x')
  await db.lPush('l', 'a')
  const wrong = [
    db.batch().set('new', '1').incr('text'),
    db.batch().set('new', '1').incr('large'),
    db.batch().incr('new').set('new', 'a').incr('new'),
    db.batch().set('new', '9223372036854775807').incr('new'),
    db.batch().set('new', '1').hIncrBy('h', 'f', 1),
    db.batch().set('new', '1').hIncrByFloat('h', 'f', 1),
    db.batch().set('new', '1').lSet('l', 1, 'b'),
    db.batch().set('new', '1').lSet('none', 0, 'b'),
    db.batch().set('new', '1').setEx('new', 0, 'b'),
    db.batch().set('new', '1').zIncrBy('z', Infinity, 'b'),
  ]
  for (const batch of wrong) await rejects(t, 'ERR_REPLY', () => batch.write())
  const transaction = db.transaction((tx) => void tx.set('new', '1').incr('text'))
  const error = await t.throwsAsync(transaction, { instanceOf: SkegError })
  t.is(error.message, 'value is not an integer or out of range')
  // What a pop leaves of a list is not foreseen.
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.batch().lPop('l').lSet('l', 0, 'b').write())
  t.deepEqual((await db.keys('*')).sort(), ['h', 'l', 'large', 'text'])
  t.is(await db.lLen('l'), 1)
})
