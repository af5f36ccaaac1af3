/** An index in several parts against the same in one: storing it, one search after the other, many at once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { best, type Bench, type Row } from '../lib/bench.ts'
import { cpuSeconds } from '../lib/process-figures.ts'
import { startSkeg } from '../lib/servers.ts'
import { atRest, searches, timesOf } from '../vector/asking.ts'
import { percentiles, recalls, type Figures, type VectorSet } from '../vector/figures.ts'
import { store, storing } from '../vector/ingest.ts'
import { Connection, granted } from '../vector/resp.ts'
import { vectorSet } from '../vector/sets.ts'

const INDEX = 'v'
const PARTS = [1, 2, 4]
const SEARCHES = 3_000

/** The ids in the replies to some searches. */
async function answers(connection: Connection, commands: Buffer[]): Promise<number[][]> {
  const found: number[][] = []
  for (const command of commands) {
    const hits = granted(await connection.ask(command)) as unknown[]
    found.push(hits.filter((_, n) => n % 2 === 0).map(Number))
  }
  return found
}

async function measure(set: VectorSet, parts: number, scale: number): Promise<Figures> {
  const rows = set.base.subarray(0, Math.ceil(set.rows * scale) * set.dim)
  const data = mkdtempSync(path.join(tmpdir(), 'skeg-partitions-'))
  const server = await startSkeg('everysec', data)
  const { pid, port } = server
  const connections = await Promise.all([Connection.open(port), Connection.open(port)])
  const [one] = connections
  const commands = searches(INDEX, set)
  try {
    const options = [INDEX, `${set.dim}`, 'TQ2', 'DISK', 'IDS', 'U64', 'PARTITIONS', `${parts}`]
    await one.call('SKEG.VINDEX.CREATE', ...options)
    const [start, stored] = [performance.now(), cpuSeconds(pid)]
    await store(one, storing(INDEX, rows, set.dim))
    const store_s = (performance.now() - start) / 1_000
    const store_cpu_s = cpuSeconds(pid) - stored
    await atRest(pid)
    const found = await answers(one, commands)
    const recall = scale === 1 ? recalls(found, set.truth, 10) : {}
    const asked = SEARCHES * scale
    const used = cpuSeconds(pid)
    const times = await timesOf(one, commands, (done) => done >= asked)
    const per_cpu_second = times.length / (cpuSeconds(pid) - used)
    const began = performance.now()
    await Promise.all(connections.map((it) => timesOf(it, commands, (done) => done >= asked)))
    const two_per_second = (2 * asked * 1_000) / (performance.now() - began)
    return {
      store_s,
      store_cpu_s,
      ...recall,
      ...percentiles(times),
      per_cpu_second,
      two_per_second,
    }
  } finally {
    for (const connection of connections) connection.close()
    await server.stop()
    rmSync(data, { recursive: true, force: true })
  }
}

export const bench: Bench = {
  name: 'partitions',
  what: 'an index in 2 and 4 parts against the same in one: storing, searches one by one and two at once',
  onlyNamed: true,
  bars: [],
  async run({ rounds, scale, vectors }) {
    const [set] = await vectorSet(vectors?.data)
    const all: Row[] = []
    for (let n = 0; n < rounds; n++) {
      for (const parts of PARTS) {
        const figures = await measure(set, parts, scale)
        all.push({ subject: 'skeg', condition: `${parts} parts`, figures })
      }
    }
    return PARTS.map((parts) => {
      const condition = `${parts} parts`
      const same = all.filter((row) => row.condition === condition)
      return { subject: 'skeg', condition, figures: best(same.map((row) => row.figures)) }
    })
  },
}
