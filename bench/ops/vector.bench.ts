/** Search among vectors against libraries that keep all of them in memory, and stores that keep them in files. */
import path from 'node:path'
import type { Bar, Bench } from '../lib/bench.ts'
import { chart } from '../vector/chart.ts'
import { measureVectors, PEERS } from '../vector/run.ts'

const QUICK_PEERS = ['faiss-flat', 'hnswlib']

/**
 * Held against faiss in three ways: both query by query; both with many at once, which it does best; and ours
 * query by query against its many.
 */
const FAISS_BARS: Bar[] = ['k=10 at 0.99', 'k=100 at 0.99'].flatMap((condition) => {
  const bar = { condition, figure: 'per_cpu_second', peer: 'faiss-flat', value: 1 }
  return [{ ...bar, peerFigure: 'one_a_call_per_second' }, { ...bar, subject: 'skeg-many' }, bar]
})

export const bench: Bench = {
  name: 'vector',
  what: 'vectors against hnswlib, faiss, usearch, LanceDB, sqlite-vec: recall, searches per second, cold, memory, build',
  onlyNamed: true,
  bars: [
    { condition: 'k=10 default', figure: 'recall_10', value: 0.999 },
    { condition: 'k=100 default', figure: 'recall_100', value: 0.995 },
    { condition: 'k=10 default', figure: 'p50_ms', value: 1, atMost: true },
    ...FAISS_BARS,
    { condition: 'k=100 at 0.99', figure: 'per_cpu_second', peer: 'hnswlib', value: 3 },
    { condition: 'k=10 at 0.99', figure: 'two_to_one', value: 1.9 },
    { condition: 'k=100 at 0.99', figure: 'two_to_one', value: 1.9 },
    { condition: 'k=100 cold', figure: 'recall_100', value: 0.98 },
    { condition: 'k=100 cold', figure: 'per_second', value: 150 },
    { condition: 'k=100 cold', figure: 'p99_ms', value: 20, atMost: true },
    { condition: 'index', figure: 'resident_mib', value: 47, atMost: true },
    { condition: 'index', figure: 'reopened_mib', value: 47, atMost: true },
    { condition: 'index', figure: 'build_s', peer: 'hnswlib', value: 1, atMost: true },
  ],
  async run(effort) {
    const { data, rows, peers = effort.scale < 1 ? QUICK_PEERS : PEERS } = effort.vectors ?? {}
    const [found, curves] = await measureVectors({ data, rows, peers }, effort)
    const what = `${data === undefined ? 'LSA of glosses' : path.basename(data)}${rows === undefined ? '' : `, ${rows} rows`}`
    effort.attach?.('svg', chart(what, curves))
    return found
  },
}
