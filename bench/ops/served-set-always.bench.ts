/** SET over the network, every reply after its fsync. */
import type { Bench } from '../lib/bench.ts'
import { served } from '../lib/served.ts'

export const bench: Bench = {
  name: 'served-set-always',
  what: 'SET over RESP against redis-server with appendfsync always',
  bars: [
    { condition: 'P=1', figure: 'per_cpu_second', peer: 'redis', value: 1.2 },
    { condition: 'P=16', figure: 'per_cpu_second', peer: 'redis', value: 1.5 },
  ],
  run: (effort) =>
    served(
      { command: 'SET', pipelines: [1, 16], persistence: 'always', requests: 150_000 },
      effort,
    ),
}
