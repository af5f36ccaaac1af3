/** Vector indexes. */
import test from 'ava'
import { open } from 'skeg'
import { generator } from '../fixtures/numbers.ts'
import { directory, memoryStore, rejects } from '../fixtures/stores.ts'

test('scores: higher is nearer, under every metric', async (t) => {
  const db = await memoryStore(t)
  const rows = { near: [2, 0], far: [0, 3] }
  const expected = { cosine: [1, 0], ip: [2, 0], euclidean: [-1, -10] } as const
  for (const metric of ['cosine', 'ip', 'euclidean'] as const) {
    const index = await db.index(metric, { dim: 2, metric })
    t.is(index.metric, metric)
    for (const [id, row] of Object.entries(rows)) await index.set(id, row)
    const hits = await index.search([1, 0])
    t.deepEqual(
      hits.map(({ id }) => id),
      ['near', 'far'],
    )
    t.deepEqual(
      hits.map(({ score }) => score),
      expected[metric],
    )
  }
})

test('an exact search finds what comparing with every vector finds', async (t) => {
  const db = await memoryStore(t)
  const dim = 24
  const random = generator(7)
  const rows = Array.from({ length: 300 }, () => Float32Array.from({ length: dim }, random))
  const docs = await db.index('docs', { dim, metric: 'euclidean' })
  const flat = Float32Array.from(rows.flatMap((row) => [...row]))
  await docs.setMany(
    rows.map((_, n) => `doc:${n}`),
    flat,
  )
  const query = Float32Array.from({ length: dim }, random)
  const distance = (row: Float32Array): number =>
    row.reduce((sum, x, n) => sum + (x - (query[n] ?? 0)) ** 2, 0)
  const nearest = rows
    .map((row, n) => ({ id: `doc:${n}`, distance: distance(row) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 10)
  const hits = await docs.search(query, { k: 10 })
  t.deepEqual(
    hits.map(({ id }) => id),
    nearest.map(({ id }) => id),
  )
  hits.forEach(({ score }, n) => {
    t.true(Math.abs(score + (nearest[n]?.distance ?? 0)) < 1e-3)
  })
})

test('set, get, replace and delete', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 2, metric: 'ip' })
  await docs.set('a', [1, 2])
  await docs.set('a', Float32Array.of(3, 4))
  t.deepEqual(await docs.get('a'), Float32Array.of(3, 4))
  t.is(await docs.get('b'), null)
  await docs.setMany(['b', 'c'], [1, 0, 0, 1])
  await docs.setMany([], [])
  const info = await docs.info()
  t.like(info, { name: 'docs', dim: 2, metric: 'ip', ids: 'string', vectors: 3 })
  t.is(await docs.del('a', 'no', 'b'), 2)
  t.is(await docs.del(), 0)
  t.is(await docs.get('a'), null)
  t.deepEqual(await docs.search([0, 1], { minScore: 0.5 }), [{ id: 'c', score: 1 }])
  t.deepEqual(await docs.search([0, 1], { minScore: 2 }), [])
  await docs.drop()
  await rejects(t, 'ERR_NOT_FOUND', () => docs.get('c'))
  await rejects(t, 'ERR_NOT_FOUND', () => docs.drop())
})

test('integer ids come back as numbers, or as bigint', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 1, metric: 'ip', ids: 'u64' })
  const big = 2n ** 63n
  await docs.set(7, [1])
  await docs.set(big, [2])
  t.deepEqual(await docs.search([1], { bigint: true }), [
    { id: big, score: 2 },
    { id: 7n, score: 1 },
  ])
  t.is((await docs.search([1]))[1]?.id, 7)
  t.deepEqual(await docs.get(big), Float32Array.of(2))
  const bad = docs as unknown as { set(id: unknown, row: number[]): Promise<void> }
  for (const id of [-1, 1.5, 'x', 2 ** 60, null]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => bad.set(id, [1]))
  }
})

test('what an index refuses, it refuses whole', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 2 })
  await rejects(t, 'ERR_DIMENSION', () => docs.set('a', [1]))
  await rejects(t, 'ERR_DIMENSION', () => docs.search([1, 2, 3]))
  await rejects(t, 'ERR_DIMENSION', () => docs.setMany(['a', 'b'], [1, 2, 3]))
  await rejects(t, 'ERR_DIMENSION', () => docs.searchMany([1, 2, 3]))
  for (const row of [
    [0, 0],
    [Number.NaN, 1],
    [Infinity, 1],
  ]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.set('a', row))
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.setMany(['a', 'b'], [1, 1, ...row]))
  }
  for (const k of [0, 10_001, 1.5]) {
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.search([1, 2], { k }))
  }
  t.is((await docs.info()).vectors, 0)
})

test('an index is found again, with the same options only', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await rejects(t, 'ERR_NOT_FOUND', () => db.index('docs'))
  await db.index('docs', { dim: 2, metric: 'ip' })
  await db.index('docs', { dim: 2, metric: 'ip' })
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { dim: 3, metric: 'ip' }))
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { dim: 2 }))
  await db.vset('docs', 'a', [1, 2])
  await db.close()

  const again = await open(folder)
  t.teardown(() => again.close())
  t.deepEqual(await again.vget('docs', 'a'), Float32Array.of(1, 2))
  t.deepEqual(await again.vsearch('docs', [1, 0], { k: 1 }), [{ id: 'a', score: 1 }])
  t.is(await again.vdel('docs', 'a'), 1)
})

test('a search sees every write that was called before it', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 1, metric: 'ip' })
  for (let n = 1; n <= 200; n++) {
    void docs.set('best', [n])
    const [hit] = await docs.search([1], { k: 1 })
    t.is(hit?.score, n)
  }
})

test('many searches at once have their own answers', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 2, metric: 'cosine' })
  await docs.setMany(['x', 'y', 'z'], [1, 0, 0, 1, -1, 0])
  const { ids, scores, offsets } = await docs.searchMany([1, 0, 0, 1, -1, 0], { k: 1 })
  t.deepEqual(ids, ['x', 'y', 'z'])
  t.deepEqual(scores, Float32Array.of(1, 1, 1))
  t.deepEqual(offsets, Uint32Array.of(0, 1, 2, 3))
})

test('calls without a handle keep their place among the others', async (t) => {
  const db = await memoryStore(t)
  const docs = await db.index('docs', { dim: 2, metric: 'ip' })
  const calls = [db.vset('docs', 'a', [1, 1]), docs.del('a'), db.vset('docs', 'b', [1, 1])]
  const found = db.vsearch('docs', [1, 0])
  calls.push(docs.del('b'))
  await Promise.all(calls)
  t.deepEqual(
    (await found).map(({ id }) => id),
    ['b'],
  )
  t.is(await docs.get('a'), null)
  t.is(await docs.get('b'), null)
})

test('hits of an index of numbers have numbers, also without a handle', async (t) => {
  const db = await memoryStore(t)
  await db.index('numbers', { dim: 2, metric: 'ip', ids: 'u64' })
  await db.vset('numbers', 7, [1, 1])
  t.deepEqual(await db.vsearch('numbers', [1, 0]), [{ id: 7, score: 1 }])
  t.deepEqual(await db.vsearch('numbers', [1, 0], { bigint: true }), [{ id: 7n, score: 1 }])
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.vset('numbers', 'x', [1, 1]))
  await rejects(t, 'ERR_NOT_FOUND', () => db.vsearch('nothing', [1, 0]))
})
