/** SET over the network without persistence. */
import type { Bench } from '../lib/bench.ts'
import { served } from '../lib/served.ts'

export const bench: Bench = {
  name: 'served-set',
  what: 'SET over RESP against redis-server, nothing persisted',
  bars: [
    { condition: 'P=1', figure: 'per_cpu_second', peer: 'redis', value: 1 },
    { condition: 'P=16', figure: 'per_cpu_second', peer: 'redis', value: 1.5 },
    { condition: 'P=1', figure: 'p99_ms', peer: 'redis', value: 1, atMost: true },
  ],
  run: (effort) =>
    served(
      { command: 'SET', pipelines: [1, 16, 64], persistence: 'none', requests: 300_000 },
      effort,
    ),
}
