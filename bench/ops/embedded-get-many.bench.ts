/** A thousand values with one call. */
import type { Bench } from '../lib/bench.ts'
import { embedded } from '../lib/embedded.ts'

export const bench: Bench = {
  name: 'embedded-get-many',
  what: 'getMany of 1,000 random keys among 100,000, counted by key',
  bars: [{ condition: 'all', figure: 'per_second', peer: 'lmdb', value: 2 }],
  run: (effort) => embedded('getMany', ['skeg', 'lmdb', 'classic-level', 'floor'], effort),
}
