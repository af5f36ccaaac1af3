/** Searches while the rows of their index are linked to a graph, against the same ones before. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { best, type Bench } from '../lib/bench.ts'
import { cpuSeconds } from '../lib/process-figures.ts'
import { startSkeg } from '../lib/servers.ts'
import { atRest, searches, timesOf } from '../vector/asking.ts'
import { percentiles, type Figures, type VectorSet } from '../vector/figures.ts'
import { store, storing } from '../vector/ingest.ts'
import { Connection } from '../vector/resp.ts'
import { recombinedSet } from '../vector/sets.ts'

const INDEX = 'v'
const DIM = 384
const ROWS = 300_000
const SEED = 1
const SEARCHES = 5_000

/** Builds the same index twice, alone and beside searches; before the second they have the same segments to search. */
async function measure(set: VectorSet, scale: number): Promise<Record<string, Figures>> {
  const rows = set.base.subarray(0, Math.ceil(set.rows * scale) * DIM)
  const data = mkdtempSync(path.join(tmpdir(), 'skeg-linking-'))
  const server = await startSkeg('everysec', data)
  const { pid, port } = server
  const [asks, builds] = await Promise.all([Connection.open(port), Connection.open(port)])
  const commands = searches(INDEX, set)
  const build = async (): Promise<Figures> => {
    const [start, used] = [performance.now(), cpuSeconds(pid)]
    await builds.call('SKEG.VINDEX.CONSOLIDATE', INDEX)
    const build_s = (performance.now() - start) / 1_000
    return { build_s, server_cpu_s: cpuSeconds(pid) - used }
  }
  const fill = async (): Promise<void> => {
    await builds.call('SKEG.VINDEX.CREATE', INDEX, `${DIM}`, 'TQ2', 'DISK', 'IDS', 'U64')
    await store(builds, storing(INDEX, rows, DIM))
    await atRest(pid)
  }
  try {
    await fill()
    const alone = await build()
    await builds.call('SKEG.VINDEX.DROP', INDEX)
    await fill()
    const idle = percentiles(await timesOf(asks, commands, (done) => done >= SEARCHES * scale))
    let over = false
    const busy = timesOf(asks, commands, () => over)
    const built = await build()
    over = true
    const times = await busy
    const felt = percentiles(times)
    const p99_ratio = (felt['p99_ms'] ?? 0) / (idle['p99_ms'] ?? 1)
    const beside = { ...built, ...felt, searches: times.length, p99_ratio }
    return { idle, alone, 'beside searches': beside }
  } finally {
    for (const connection of [asks, builds]) connection.close()
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

export const bench: Bench = {
  name: 'linking',
  what: 'searches while 300,000 vectors of 384 dimensions are linked to a graph, and before',
  onlyNamed: true,
  bars: [{ condition: 'beside searches', figure: 'p99_ratio', value: 2, atMost: true }],
  async run({ rounds, scale, vectors }) {
    const [set] = await recombinedSet(vectors?.rows ?? ROWS, DIM, SEED, vectors?.data)
    const all: Record<string, Figures>[] = []
    for (let n = 0; n < rounds; n++) all.push(await measure(set, scale))
    return ['idle', 'alone', 'beside searches'].map((condition) => {
      const figures = best(all.map((round) => round[condition] ?? {}))
      // A ratio of times is better small.
      const ratios = all.flatMap((round) => round[condition]?.['p99_ratio'] ?? [])
      if (ratios.length > 0) figures['p99_ratio'] = Math.min(...ratios)
      return { subject: 'skeg', condition, figures }
    })
  },
}
