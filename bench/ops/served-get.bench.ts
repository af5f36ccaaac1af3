/** GET over the network: 50 clients, 16-byte keys of a million, 64-byte values. */
import type { Bench } from '../lib/bench.ts'
import { served } from '../lib/served.ts'

export const bench: Bench = {
  name: 'served-get',
  what: 'GET over RESP against redis-server, pipelines of 1, 16 and 64',
  bars: [
    { condition: 'P=1', figure: 'per_cpu_second', peer: 'redis', value: 1 },
    { condition: 'P=16', figure: 'per_cpu_second', peer: 'redis', value: 1.6 },
    { condition: 'P=64', figure: 'per_cpu_second', peer: 'redis', value: 2 },
    { condition: 'P=1', figure: 'p99_ms', peer: 'redis', value: 1, atMost: true },
  ],
  run: (effort) =>
    served(
      { command: 'GET', pipelines: [1, 16, 64], persistence: 'none', requests: 300_000 },
      effort,
    ),
}
