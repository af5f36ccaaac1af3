/** Vector indexes whose rows lie on disk: every tier under every metric, and what makes their segments. */
import test from 'ava'
import { open, type Database, type IndexOptions, type VectorIndex } from 'skeg'
import { directory, diskStore, memoryStore, rejects } from '../fixtures/stores.ts'
import { generator } from '../fixtures/numbers.ts'

const DIM = 48
const ROWS = 600
const TIERS = ['f32', 'int8', 'binary', 'pq', 'tq1', 'tq2', 'tq4'] as const
const METRICS = ['cosine', 'ip', 'euclidean'] as const

/** Rows around a few centres, so that some are near and others far, end to end. */
function rows(count: number, seed: number): Float32Array {
  const random = generator(seed)
  const centres = Float32Array.from({ length: 12 * DIM }, random)
  return Float32Array.from(
    { length: count * DIM },
    (_, n) =>
      (centres[((Math.floor(n / DIM) % 12) * DIM + (n % DIM)) % (12 * DIM)] ?? 0) + random(),
  )
}

function row(all: Float32Array, n: number): Float32Array {
  return all.subarray(n * DIM, (n + 1) * DIM)
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, n) => sum + x * (b[n] ?? 0), 0)
}

const SCORES = {
  cosine: (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  ip: dot,
  euclidean: (a, b) => 2 * dot(a, b) - dot(a, a) - dot(b, b),
} satisfies Record<(typeof METRICS)[number], (a: Float32Array, b: Float32Array) => number>

async function filled(
  db: Database,
  name: string,
  options: Partial<IndexOptions>,
): Promise<VectorIndex> {
  const index = await db.index(name, { dim: DIM, ...options })
  const ids = Array.from({ length: ROWS }, (_, n) => `doc:${n}`)
  await index.setMany(ids, rows(ROWS, 5))
  return index
}

for (const tier of TIERS) {
  test(`${tier}: what lies on disk is found under every metric, with exact scores`, async (t) => {
    const folder = directory(t)
    const db = await open(folder)
    const [all, queries] = [rows(ROWS, 5), rows(20, 6)]
    const check = async (store: Database, metric: (typeof METRICS)[number]): Promise<void> => {
      const index = await store.index(metric)
      const score = SCORES[metric]
      const found = await index.searchMany(queries, { k: 10 })
      let right = 0
      for (let q = 0; q < 20; q++) {
        const scores = Array.from({ length: ROWS }, (_, n) => score(row(queries, q), row(all, n)))
        const best = scores.toSorted((a, b) => b - a)[9] ?? 0
        for (let n = q * 10; n < q * 10 + 10; n++) {
          const expected = scores[Number(String(found.ids[n]).slice(4))] ?? 0
          t.true(Math.abs(expected - (found.scores[n] ?? 0)) <= 1e-4 * (1 + Math.abs(expected)))
          right += Number(expected >= best - 1e-4)
        }
        if (q > 2) continue
        const hits = await index.search(row(queries, q))
        t.deepEqual(
          hits.map(({ id }) => id),
          found.ids.slice(q * 10, q * 10 + 10),
        )
      }
      t.true(right >= 190, `${right} of 200`)
      t.deepEqual(await index.get('doc:7'), row(all, 7).slice())
    }
    for (const metric of METRICS) {
      const index = await filled(db, metric, { metric, tier, backend: 'disk' })
      await index.consolidate()
      t.like(await index.info(), { tier, segments: 1, vectorsInSegments: ROWS, state: 'ready' })
      await check(db, metric)
    }
    await db.close()
    const again = await open(folder)
    t.teardown(() => again.close())
    for (const metric of METRICS) await check(again, metric)
  })
}

test('an index says what it consists of', async (t) => {
  const db = await diskStore(t)
  const docs = await filled(db, 'docs', {})
  t.like(await docs.info(), {
    ...{ tier: 'tq2', backend: 'auto', metric: 'cosine', state: 'ready', progress: undefined },
    ...{ vectors: ROWS, vectorsInMemory: ROWS, vectorsInSegments: 0, segments: 0, diskBytes: 0 },
  })
  await docs.consolidate()
  await docs.del('doc:1', 'doc:2')
  await docs.set('doc:3', rows(1, 9))
  const info = await docs.info()
  t.like(info, { vectors: ROWS - 2, vectorsInMemory: 1, segments: 1, deadRows: 3 })
  t.true(info.diskBytes > ROWS * DIM * 4 && info.memoryBytes < info.diskBytes)
  await docs.consolidate()
  t.like(await docs.info(), { vectors: ROWS - 2, vectorsInMemory: 0, segments: 1, deadRows: 0 })
  t.deepEqual(await docs.get('doc:3'), rows(1, 9))
})

test('a tier and a backend that are not given are those of the index', async (t) => {
  const db = await diskStore(t)
  const asked = { dim: DIM, metric: 'ip' } as const
  await db.index('docs', { ...asked, tier: 'f32', backend: 'flat' })
  t.like(await (await db.index('docs', asked)).info(), { tier: 'f32', backend: 'flat' })
  await db.index('docs', { ...asked, tier: 'f32' })
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { ...asked, tier: 'tq2' }))
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { ...asked, backend: 'auto' }))
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { ...asked, metric: 'cosine' }))
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', { dim: DIM }))
})

test('an index refuses vectors beyond its limit of memory', async (t) => {
  const db = await diskStore(t)
  const maxMemory = 256 * 1024
  const docs = await db.index('docs', { dim: DIM, maxMemory })
  const fill = async (): Promise<void> => {
    for (let n = 0; n < 10_000; n++) await docs.set(`doc:${n}`, rows(1, n))
  }
  await rejects(t, 'ERR_OUT_OF_MEMORY', fill)
  const { memoryBytes, vectors, ...info } = await docs.info()
  t.is(info.maxMemory, maxMemory)
  t.true(vectors > 1000 && memoryBytes < maxMemory + 64 * 1024)
  t.is(await docs.del('doc:1'), 1)
  t.is((await (await db.index('docs', { dim: DIM })).info()).maxMemory, maxMemory)
  const other = { dim: DIM, maxMemory: maxMemory * 2 }
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('docs', other))
})

test('an index in parts is one index: written, searched, consolidated and dropped', async (t) => {
  const db = await diskStore(t)
  const [whole, parts] = await Promise.all([
    filled(db, 'whole', { metric: 'cosine' }),
    filled(db, 'parts', { metric: 'cosine', partitions: 3, maxMemory: 100_000_001 }),
  ])
  await db.transaction((tx) => {
    tx.set('doc', 'text')
    for (const index of [tx.index('whole'), tx.index('parts')]) {
      for (let n = 0; n < 20; n++) index.set(`new:${n}`, row(rows(20, 9), n))
      index.del('new:3')
    }
  })
  const query = row(rows(20, 6), 3)
  // By their codes each of the two may miss another row now and then; what both have found has one score.
  const same = async (): Promise<void> => {
    const [some, others] = await Promise.all([
      parts.search(query, { k: 100 }),
      whole.search(query, { k: 100 }),
    ])
    const scores = new Map(others.map(({ id, score }) => [id, score]))
    const shared = some.filter(({ id }) => scores.has(id))
    t.true(some.length === 100 && shared.length >= 95, `${shared.length}`)
    for (const { id, score } of shared) t.is(scores.get(id), score)
  }
  await same()
  await parts.consolidate()
  await whole.consolidate()
  await same()
  const info = await parts.info()
  t.like(info, { partitions: 3, segments: 3, vectorsInMemory: 0, maxMemory: 100_000_001 })
  t.is(info.vectors, (await whole.info()).vectors)
  t.is((await whole.info()).partitions, 1)
  const asked = { dim: DIM, metric: 'cosine' } as const
  await db.index('parts', { ...asked, partitions: 3, maxMemory: 100_000_001 })
  await rejects(t, 'ERR_INDEX_MISMATCH', () => db.index('parts', { ...asked, partitions: 2 }))
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => db.index('x', { ...asked, partitions: 257 }))
  await parts.drop()
  await rejects(t, 'ERR_NOT_FOUND', () => parts.search(query))
})

test('calls of an index in parts take effect in their order, also while some wait for room', async (t) => {
  const db = await diskStore(t)
  const options = { dim: 256, metric: 'euclidean', partitions: 4, maxMemory: 4_000_000 } as const
  const docs = await db.index('docs', options)
  const ids = Array.from({ length: 100 }, (_, n) => `doc:${n}`)
  const vector = (value: number): Float32Array => new Float32Array(256).fill(value)
  const calls: Promise<unknown>[] = []
  let written = 0
  for (let round = 0; round < 80; round++) {
    written++
    calls.push(docs.setMany(ids, new Float32Array(256 * ids.length).fill(written)))
    // Each is in one part, and the others are in all.
    for (const id of ids.slice(0, 10)) calls.push(docs.set(id, vector(++written)))
  }
  await Promise.all(calls)
  for (const [n, id] of ids.entries()) {
    const last = n < 10 ? written - 9 + n : written - 10
    t.is((await docs.get(id))?.[0], last, id)
  }
})

test('an exact index in parts finds what one in one part finds', async (t) => {
  const db = await diskStore(t)
  const [whole, parts] = await Promise.all([
    filled(db, 'whole', { tier: 'f32' }),
    filled(db, 'parts', { tier: 'f32', partitions: 5 }),
  ])
  const queries = rows(20, 8)
  const options = { k: 40 }
  t.deepEqual(await parts.searchMany(queries, options), await whole.searchMany(queries, options))
  for (let n = 0; n < ROWS; n += 50) t.deepEqual(await parts.get(`doc:${n}`), row(rows(ROWS, 5), n))
  t.is((await parts.info()).vectors, ROWS)
})

test('options of searches: fewer rows compared exactly, hits that are near enough', async (t) => {
  const db = await diskStore(t)
  const docs = await filled(db, 'docs', { tier: 'tq1' })
  await docs.consolidate()
  const query = row(rows(20, 6), 3)
  const all = await docs.search(query, { k: 50, l: 100, rerank: ROWS })
  const quick = await docs.search(query, { k: 10, rerank: 10 })
  t.is(quick.length, 10)
  const scores = new Map(all.map(({ id, score }) => [id, score]))
  for (const { id, score } of quick) t.is(score, scores.get(id) ?? score)
  const [minScore = 0] = all.slice(4).map(({ score }) => score)
  const near = await docs.searchMany(query, { k: 50, minScore })
  t.deepEqual(near.offsets, Uint32Array.of(0, 5))
  for (const options of [{ rerank: 0 }, { l: 1.5 }, { k: 1, rerank: 'all' }, { ef: 5 }]) {
    const bad = options as object
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.search(query, bad))
    await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.searchMany(query, bad))
  }
  await rejects(t, 'ERR_DIMENSION', () => docs.searchMany([1, 2, 3]))
  t.deepEqual(await docs.searchMany([]), {
    ...{ ids: [], scores: new Float32Array(), offsets: Uint32Array.of(0) },
  })
})

test('consolidate: called off, told of, and of nothing', async (t) => {
  const db = await diskStore(t)
  const docs = await filled(db, 'docs', { tier: 'int8' })
  const cause = new Error('enough')
  const aborted = await rejects(t, 'ERR_ABORTED', () =>
    docs.consolidate({ signal: AbortSignal.abort(cause) }),
  )
  t.is(aborted.cause, cause)
  const controller = new AbortController()
  const begun = docs.consolidate({ signal: controller.signal })
  controller.abort()
  // It may have been quicker.
  const failure: unknown = await begun.catch((error: unknown) => error)
  if (failure !== undefined) t.like(failure, { code: 'ERR_ABORTED' })
  const told: unknown[] = []
  await docs.consolidate({ onProgress: (progress) => told.push(progress) })
  t.like(await docs.info(), { vectors: ROWS, segments: 1 })
  await docs.consolidate()
  t.deepEqual(await docs.get('doc:9'), row(rows(ROWS, 5), 9).slice())
  await docs.drop()
  await rejects(t, 'ERR_NOT_FOUND', () => docs.consolidate())
  await rejects(t, 'ERR_INVALID_ARGUMENT', () => docs.consolidate({ signal: {} as AbortSignal }))

  const memory = await memoryStore(t)
  const there = await filled(memory, 'docs', {})
  await there.consolidate()
  t.like(await there.info(), { vectors: ROWS, segments: 0, vectorsInMemory: ROWS })
  await there.drop()
  await rejects(t, 'ERR_NOT_FOUND', () => there.consolidate())
})

test('an ephemeral index is empty when the store is opened again', async (t) => {
  const folder = directory(t)
  const db = await open(folder)
  await filled(db, 'docs', { backend: 'ephemeral' })
  t.is((await db.vsearch('docs', row(rows(20, 6), 0))).length, 10)
  await db.close()
  const again = await open(folder)
  t.teardown(() => again.close())
  t.like(await (await again.index('docs')).info(), { backend: 'ephemeral', vectors: 0 })
})
