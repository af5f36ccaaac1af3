/** Vectors stored as fast as they are taken, and searches meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fromRoot } from '../../scripts/lib/root.ts'
import { best, type Bench } from '../lib/bench.ts'
import { cpuSeconds } from '../lib/process-figures.ts'
import { startSkeg } from '../lib/servers.ts'
import { atRest, searches } from '../vector/asking.ts'
import { Child } from '../vector/child.ts'
import { percentiles, readAsked, type Figures } from '../vector/figures.ts'
import { exchange, exchanges } from '../vector/load.ts'
import { Connection } from '../vector/resp.ts'
import { vectorSet } from '../vector/sets.ts'

const INDEX = 'v'
const DIM = 384
/** Rows that are there when searches begin, and those that come alone and beside them. */
const BEFORE = 50_000
const ROWS = 100_000
const IDLE_SECONDS = 3
/** Longer than anything is stored. */
const SECONDS_MAX = 60
/** Rows a second that are stored beside searches, and for how long at a pace. */
const PACES: Record<string, number | undefined> = {
  'beside searches': undefined,
  '20,000 a second': 20_000,
  '5,000 a second': 5_000,
}
const PACED_SECONDS = 4

async function measure(folder: string, scale: number): Promise<Record<string, Figures>> {
  const data = mkdtempSync(path.join(tmpdir(), 'skeg-ingest-'))
  const server = await startSkeg('everysec', data)
  const { pid, port } = server
  const connection = await Connection.open(port)
  const script = fromRoot('bench', 'vector', 'ingest-child.ts')
  const args = ['--import', 'tsx', script, `${port}`, INDEX, folder, `${DIM}`]
  const [child] = await Child.start('ingest', process.execPath, args)
  let stored = 0
  const prepare = (rows: number): Promise<Figures> =>
    child.measure({ prepare: 1, first: stored, rows })
  /** Stores what was prepared. */
  const store = async (rows: number, pace?: number): Promise<Figures> => {
    const used = cpuSeconds(pid)
    const asked = { first: stored, rows, ...(pace !== undefined && { per_second: pace }) }
    const { seconds = 1 } = await child.measure(asked)
    stored += rows
    const per_cpu_second = rows / (cpuSeconds(pid) - used)
    return { per_second: rows / seconds, per_cpu_second }
  }
  /** An index as large as before each measurement. */
  const begin = async (): Promise<void> => {
    await connection.call('SKEG.VINDEX.CREATE', INDEX, `${DIM}`, 'TQ2', 'AUTO', 'IDS', 'U64')
    await prepare(BEFORE * scale)
    await store(BEFORE * scale)
    await connection.call('SKEG.VINDEX.CONSOLIDATE', INDEX)
    await atRest(pid)
  }
  const end = async (): Promise<void> => {
    await atRest(pid)
    await connection.call('SKEG.VINDEX.DROP', INDEX)
  }
  const queries = searches(INDEX, readAsked(folder), DIM)
  const besideSearches = async (pace?: number): Promise<Figures> => {
    await begin()
    const { all } = await exchanges(connection, queries)
    const ask = { port, connections: 1, all }
    const idle = percentiles(await exchange({ ...ask, seconds: IDLE_SECONDS * scale }))
    const { p50_ms: idle_p50_ms = 0, p99_ms: idle_p99_ms = 1 } = idle
    const rows = Math.round(Math.min(ROWS, (pace ?? Infinity) * PACED_SECONDS) * scale)
    await prepare(rows)
    const storing = store(rows, pace)
    const asking = exchange({ ...ask, seconds: SECONDS_MAX }, storing)
    const [stored, times] = await Promise.all([storing, asking])
    const busy = percentiles(times)
    await end()
    const p99_ratio = (busy['p99_ms'] ?? 0) / idle_p99_ms
    return { ...stored, ...busy, idle_p50_ms, idle_p99_ms, p99_ratio }
  }
  try {
    await begin()
    await prepare(ROWS * scale)
    const figures: Record<string, Figures> = { alone: await store(ROWS * scale) }
    await end()
    for (const [condition, pace] of Object.entries(PACES)) {
      figures[condition] = await besideSearches(pace)
    }
    return figures
  } finally {
    await child.close()
    connection.close()
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

export const bench: Bench = {
  name: 'ingest',
  what: 'vectors of 384 dimensions stored as fast as they are taken, alone and beside searches',
  onlyNamed: true,
  bars: [
    { condition: 'alone', figure: 'per_cpu_second', value: 20_000 },
    { condition: 'beside searches', figure: 'p99_ratio', value: 2, atMost: true },
    { condition: '20,000 a second', figure: 'p99_ratio', value: 2, atMost: true },
  ],
  async run({ rounds, scale, vectors }) {
    const [{ folder }] = await vectorSet(vectors?.data)
    const all: Record<string, Figures>[] = []
    for (let n = 0; n < rounds; n++) all.push(await measure(folder, scale))
    return ['alone', ...Object.keys(PACES)].map((condition) => {
      const figures = best(all.map((round) => round[condition] ?? {}))
      // A ratio of times is better small.
      const ratios = all.flatMap((round) => round[condition]?.['p99_ratio'] ?? [])
      if (ratios.length > 0) figures['p99_ratio'] = Math.min(...ratios)
      return { subject: 'skeg', condition, figures }
    })
  },
}
