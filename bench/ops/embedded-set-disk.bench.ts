/** Writes that are on the disk when they are acknowledged: 1,000 in flight, and one after the other. */
import type { Bench } from '../lib/bench.ts'
import { embedded } from '../lib/embedded.ts'

export const bench: Bench = {
  name: 'embedded-set-disk',
  what: 'set at the level disk, against synced puts of lmdb and a bare fdatasync for each write',
  bars: [
    { condition: 'setDisk', figure: 'per_second', peer: 'lmdb', value: 2 },
    { condition: 'setDiskOne', figure: 'per_second', peer: 'fdatasync', value: 1 / 1.2 },
  ],
  run: async (effort) => [
    ...(await embedded('setDisk', ['skeg', 'lmdb'], effort)),
    ...(await embedded('setDiskOne', ['skeg', 'lmdb', 'fdatasync'], effort)),
  ],
}
