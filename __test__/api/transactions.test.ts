/** Batches and optimistic transactions. */
import test from 'ava'
import type { SkegError } from 'skeg'
import { diskStore, memoryStore, rejects } from '../fixtures/stores.ts'

test('a transaction reads its own changes and commits all of them', async (t) => {
  const db = await memoryStore(t)
  await db.set('a', '1')
  const result = await db.transaction(async (tx) => {
    const a = await tx.get('a')
    tx.set('b', `${a ?? ''}!`).del('a')
    t.is(await tx.get('b'), '1!')
    t.deepEqual(await tx.getBuffer('b'), Buffer.from('1!'))
    t.is(await tx.get('a'), null)
    t.false(await tx.exists('a'))
    t.is(await db.get('b'), null, 'nothing is made before the end')
    return 'done'
  })
  t.is(result, 'done')
  t.deepEqual(await db.getMany(['a', 'b']), [null, '1!'])
})

test('a transaction whose reads were changed runs again', async (t) => {
  const db = await memoryStore(t)
  await db.set('balance', '10')
  let runs = 0
  await db.transaction(async (tx) => {
    runs++
    const balance = Number(await tx.get('balance'))
    if (runs === 1) await db.set('balance', '20')
    tx.set('balance', String(balance + 1))
  })
  t.is(runs, 2)
  t.is(await db.get('balance'), '21')
})

test('also when the value is the same again', async (t) => {
  const db = await memoryStore(t)
  await db.set('key', 'a')
  let runs = 0
  await db.transaction(async (tx) => {
    await tx.get('key')
    if (++runs === 1) {
      await db.set('key', 'b')
      await db.set('key', 'a')
    }
  })
  t.is(runs, 2)
})

test('a transaction that always loses gives up', async (t) => {
  const db = await memoryStore(t)
  let runs = 0
  const error = await rejects(t, 'ERR_CONFLICT', () =>
    db.transaction(async (tx) => {
      await tx.get('key')
      await db.set('key', String(++runs))
      tx.set('key', 'mine')
    }),
  )
  t.true(error.retryable)
  t.is(runs, 16)
  t.is(await db.get('key'), '16')
})

test('what the callback throws comes out, and nothing is made', async (t) => {
  const db = await memoryStore(t)
  const error = await t.throwsAsync(
    db.transaction((tx) => {
      tx.set('key', 'value')
      throw new Error('mine')
    }),
  )
  t.is(error.message, 'mine')
  t.is(await db.get('key'), null)
})

test('document and vector commit together, or neither', async (t) => {
  const db = await diskStore(t)
  const docs = await db.index('docs', { dim: 2 })
  await db.transaction((tx) => {
    tx.set('doc:1', 'text', { ttl: 60_000 })
    tx.index('docs').set('doc:1', [1, 0])
  })
  t.deepEqual(await docs.get('doc:1'), Float32Array.of(1, 0))
  t.not(await db.getTtl('doc:1'), null)

  const refused: [SkegError['code'], string, number[]][] = [
    ['ERR_DIMENSION', 'docs', [1, 2, 3]],
    ['ERR_INVALID_ARGUMENT', 'docs', [0, 0]],
    ['ERR_INVALID_ARGUMENT', 'docs', [Number.NaN, 0]],
    ['ERR_NOT_FOUND', 'nope', [1, 0]],
  ]
  for (const [code, index, vector] of refused) {
    await rejects(t, code, () =>
      db.transaction((tx) => {
        tx.set('doc:2', 'text').del('doc:1')
        tx.index(index).set('doc:2', vector)
      }),
    )
    t.deepEqual(await db.getMany(['doc:1', 'doc:2']), ['text', null])
  }
  await db.transaction((tx) => {
    tx.del('doc:1')
    tx.index('docs').del('doc:1')
  })
  t.is(await docs.get('doc:1'), null)
})

test('a transaction that is over takes no more', async (t) => {
  const db = await memoryStore(t)
  const tx = await db.transaction((transaction) => transaction)
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => tx.get('key'))
  t.throws(() => tx.set('key', 'value'), { code: 'ERR_INVALID_ARGUMENT' })
})

test('a batch is made at once, once', async (t) => {
  const db = await memoryStore(t)
  await db.setMany([
    ['a', '1'],
    ['b', '2'],
  ])
  const batch = db.batch().set('c', '3', { ttl: 60_000 }).del('a').setTtl('b', 60_000)
  t.is(await db.get('c'), null)
  await batch.write()
  t.deepEqual(await db.getMany(['a', 'b', 'c']), [null, '2', '3'])
  t.not(await db.getTtl('b'), null)
  t.not(await db.getTtl('c'), null)
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => batch.write())
  await db.batch().write()
})

test('transactions over many keys keep a sum', async (t) => {
  const db = await memoryStore(t)
  const accounts = Array.from({ length: 8 }, (_, n) => `account:${n}`)
  await db.setMany(accounts.map((key) => [key, '100'] as const))
  const move = (n: number): Promise<void> =>
    db.transaction(async (tx) => {
      const from = accounts[n % 8] ?? ''
      const to = accounts[(n * 5 + 1) % 8] ?? ''
      if (from === to) return
      const [a, b] = [Number(await tx.get(from)), Number(await tx.get(to))]
      tx.set(from, String(a - 1)).set(to, String(b + 1))
    })
  await Promise.allSettled(Array.from({ length: 200 }, (_, n) => move(n)))
  const sums = await db.getMany(accounts)
  t.is(
    sums.reduce((sum, value) => sum + Number(value), 0),
    800,
  )
})
