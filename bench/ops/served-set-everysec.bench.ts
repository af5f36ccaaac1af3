/** SET over the network, every write in the log before its reply, an fsync each second. */
import type { Bench } from '../lib/bench.ts'
import { served } from '../lib/served.ts'

export const bench: Bench = {
  name: 'served-set-everysec',
  what: 'SET over RESP against redis-server with appendfsync everysec',
  bars: [{ condition: 'P=16', figure: 'per_cpu_second', peer: 'redis', value: 1.5 }],
  run: (effort) =>
    served(
      { command: 'SET', pipelines: [1, 16, 64], persistence: 'everysec', requests: 300_000 },
      effort,
    ),
}
