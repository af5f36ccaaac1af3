/** Resident bytes for each of a million keys: 16-byte keys, 64-byte values. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Row } from '../lib/bench.ts'
import { residentBytes } from '../lib/process-figures.ts'
import { KEYS, VALUE_BYTES } from '../lib/served.ts'
import { fill, startRedis, startSkeg } from '../lib/servers.ts'

export const bench: Bench = {
  name: 'memory',
  what: 'resident bytes a key, a million keys of 16 bytes with values of 64',
  bars: [{ condition: 'all', figure: 'bytes_per_key', value: 110, atMost: true }],
  async run() {
    const rows: Row[] = []
    for (const start of [startRedis, startSkeg]) {
      const server = await start('none')
      try {
        const before = residentBytes(server.pid)
        await fill(server, KEYS, VALUE_BYTES)
        await sleep(1_000)
        const grown = residentBytes(server.pid) - before
        rows.push({
          subject: server.name,
          condition: 'all',
          figures: { bytes_per_key: grown / KEYS, empty_mib: before / 2 ** 20 },
        })
      } finally {
        await server.stop()
      }
    }
    return rows
  },
}
