/** A value by key, synchronously, on the JavaScript thread. */
import type { Bench } from '../lib/bench.ts'
import { embedded } from '../lib/embedded.ts'

export const bench: Bench = {
  name: 'embedded-get-sync',
  what: 'getSync of random keys among 100,000, against lmdb and classic-level',
  bars: [
    { condition: 'all', figure: 'per_second', value: 3_000_000 },
    { condition: 'all', figure: 'per_second', peer: 'lmdb', value: 1 },
    { condition: 'all', figure: 'times_floor', value: 2.5, atMost: true },
  ],
  run: (effort) => embedded('getSync', ['skeg', 'lmdb', 'classic-level', 'floor'], effort),
}
