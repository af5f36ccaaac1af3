/** Resident bytes for each element of collections, many small ones and one large one of each kind. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Row } from '../lib/bench.ts'
import { residentBytes } from '../lib/process-figures.ts'
import { key, sendAll, startRedis, startSkeg } from '../lib/servers.ts'

/** What is counted, and what makes it: the commands in words. */
interface Subject {
  condition: string
  count: number
  commands: () => Iterable<string[]>
}

/** The elements of a small collection. */
const SMALL = 20

/** As many elements in collections of twenty, and in one. */
function collections(
  name: string,
  command: string,
  element: (n: number) => string[],
  [small, large]: [number, number],
): Subject[] {
  return [
    {
      condition: `${name} of ${SMALL}`,
      count: small,
      *commands() {
        for (let n = 0; n < small; n += SMALL) {
          const elements = Array.from({ length: SMALL }, (_, i) => element(n + i))
          yield [command, key(n), ...elements.flat()]
        }
      },
    },
    {
      condition: `${name} of ${large.toLocaleString('en')}`,
      count: large,
      *commands() {
        for (let n = 0; n < large; n++) yield [command, 'large', ...element(scattered(n, large))]
      },
    },
  ]
}

/** The numbers below `count` in an order without pattern: `count` is no multiple of the prime. */
function scattered(n: number, count: number): number {
  return (n * 1_000_003) % count
}

const text = (n: number): string => `element:${String(n).padStart(8, '0')}`
const VALUE = 'x'.repeat(24)

const SUBJECTS: Subject[] = [
  {
    condition: 'hash of 5 fields',
    count: 200_000,
    *commands() {
      for (let n = 0; n < 200_000; n++) {
        const fields = ['name', `user-${n}`, 'age', `${n % 90}`, 'city', 'Zürich', 'score', `${n}`]
        yield ['HSET', key(n), ...fields, 'seen', `${1_700_000_000 + n}`]
      }
    },
  },
  ...collections('hash field', 'HSET', (n) => [text(n), VALUE], [1_000_000, 500_000]),
  ...collections('set member', 'SADD', (n) => [text(n)], [2_000_000, 500_000]),
  ...collections('sorted set member', 'ZADD', (n) => [`${n}`, text(n)], [2_000_000, 500_000]),
  ...collections('list item', 'RPUSH', (n) => [text(n)], [2_000_000, 1_000_000]),
]

export const bench: Bench = {
  name: 'memory-elements',
  what: 'resident bytes an element of hashes, sets, sorted sets and lists: 16-byte elements, 24-byte values',
  bars: SUBJECTS.map(({ condition }) => ({
    condition,
    figure: 'bytes',
    peer: 'redis',
    value: 1,
    atMost: true,
  })),
  async run() {
    const rows: Row[] = []
    for (const { condition, count, commands } of SUBJECTS) {
      for (const start of [startRedis, startSkeg]) {
        const server = await start('none')
        try {
          const before = residentBytes(server.pid)
          await sendAll(server, commands())
          await sleep(500)
          const bytes = (residentBytes(server.pid) - before) / count
          rows.push({ subject: server.name, condition, figures: { bytes } })
        } finally {
          await server.stop()
        }
      }
    }
    return rows
  },
}
