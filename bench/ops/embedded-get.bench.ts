/** A value by key, awaited one after the other. */
import type { Bench } from '../lib/bench.ts'
import { embedded } from '../lib/embedded.ts'

export const bench: Bench = {
  name: 'embedded-get',
  what: 'awaited get of random keys among 100,000, against lmdb and classic-level',
  bars: [
    { condition: 'all', figure: 'per_second', value: 1_500_000 },
    { condition: 'all', figure: 'per_second', peer: 'classic-level', value: 20 },
  ],
  run: (effort) => embedded('get', ['skeg', 'lmdb', 'classic-level', 'floor'], effort),
}
