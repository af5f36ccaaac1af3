/** Writes at the level `kernel`, 1,000 in flight. */
import type { Bench } from '../lib/bench.ts'
import { embedded } from '../lib/embedded.ts'

export const bench: Bench = {
  name: 'embedded-set',
  what: 'set with 1,000 calls in flight, against lmdb and classic-level',
  bars: [{ condition: 'all', figure: 'per_second', value: 1_000_000 }],
  run: (effort) => embedded('set', ['skeg', 'lmdb', 'classic-level', 'floor'], effort),
}
