/** Scan against graph by rows, and the graph of a large index against hnswlib. */
import type { Bar, Bench, Row } from '../lib/bench.ts'
import { recombinedSet, vectorSet } from '../vector/sets.ts'
import { measureSize } from '../vector/sizes.ts'

const ROWS = 300_000
const DIM = 384
const SEED = 1
/** The first rows of the set at which scan and graph are compared, too. */
const PREFIXES = [10_000, 100_000]

const at = (rows: number, condition: string): string => `${rows} rows, ${condition}`

/** What `auto` takes is within a twentieth of the better. */
const choices = [...PREFIXES, ROWS, 1_000_000].flatMap((rows): Bar[] =>
  [10, 100].map((k) => {
    const condition = at(rows, `k=${k} at 0.99`)
    return { condition, figure: 'per_cpu_second', peer: 'skeg-other', value: 0.95 }
  }),
)

/** Those of a graph beside hnswlib's, in the same run. */
const beside = [ROWS, 1_000_000].flatMap((rows): Bar[] => [
  { condition: at(rows, 'k=10 at 0.99'), figure: 'per_cpu_second', peer: 'hnswlib', value: 1.5 },
  { condition: at(rows, 'index'), figure: 'build_s', peer: 'hnswlib', value: 1, atMost: true },
  { condition: at(rows, 'index'), figure: 'build_cpu_s', peer: 'hnswlib', value: 1, atMost: true },
  { condition: at(rows, 'index'), figure: 'peak_mib', value: 2048, atMost: true },
  { condition: at(rows, 'index'), figure: 'resident_mib', value: 350, atMost: true },
])

export const bench: Bench = {
  name: 'graph',
  what: 'scan against graph at 10,000, 100,000 and 300,000 vectors (--rows: at one size), and hnswlib beside',
  onlyNamed: true,
  bars: [...choices, ...beside],
  async run(effort) {
    const { data, rows, peers = ['hnswlib'] } = effort.vectors ?? {}
    const [whole, cache] = await recombinedSet(rows ?? ROWS, DIM, SEED, data)
    const found: Row[] = []
    for (const prefix of rows === undefined ? PREFIXES : []) {
      found.push(...(await measureSize(await vectorSet(whole.folder, prefix), [], effort)))
    }
    found.push(...(await measureSize([whole, cache], peers, effort)))
    return found
  },
}
