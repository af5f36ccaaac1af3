/** One command at a time over the network without persistence: each a benchmark of its own. */
import type { Bench } from '../lib/bench.ts'
import { alternating } from '../lib/served.ts'
import { startRedis, startSkeg } from '../lib/servers.ts'

const PIPELINES = [1, 16, 64]
const CLIENTS = [50, 500]

/** What a second of a processor has to do, of what Redis does with one. */
const WANTED: Record<number, number> = { 1: 1, 16: 1.5, 64: 2 }

/** The words of commands; `__rand_int__` is a number below a million. */
interface Subject {
  command: string
  /** Sent some million times at first. */
  before?: string
  /** Sent before each round, as often as the command that uses up what it makes. */
  supply?: string
}

const VALUE = 'x'.repeat(64)

/** As the tests of redis-benchmark: the collections are one key, which all clients want. */
const SUBJECTS: Record<string, Subject> = {
  set: { command: `SET key:__rand_int__ ${VALUE}` },
  get: { command: 'GET key:__rand_int__', before: `SET key:__rand_int__ ${VALUE}` },
  incr: { command: 'INCR counter:__rand_int__' },
  lpush: { command: `LPUSH list ${VALUE}` },
  lpop: { command: 'LPOP list', supply: `LPUSH list ${VALUE}` },
  sadd: { command: 'SADD set element:__rand_int__' },
  hset: { command: `HSET hash element:__rand_int__ ${VALUE}` },
  zadd: { command: 'ZADD zset __rand_int__ element:__rand_int__' },
  zrange: {
    command: 'ZRANGE zset 10000 10009',
    before: 'ZADD zset __rand_int__ element:__rand_int__',
  },
  mset: {
    command: `MSET ${Array.from({ length: 10 }, () => `key:__rand_int__ ${VALUE}`).join(' ')}`,
  },
}

function bench(name: string, { command, before, supply }: Subject): Bench {
  const load = {
    pipelines: PIPELINES,
    clients: CLIENTS,
    persistence: 'none' as const,
    command: command.split(' '),
    ...(supply === undefined ? {} : { supply: supply.split(' ') }),
    // One MSET does as much as ten of the others.
    requests: name === 'mset' ? 40_000 : 150_000,
  }
  return {
    name: `command-${name}`,
    what: `${name.toUpperCase()} over RESP against redis-server, nothing persisted`,
    bars: CLIENTS.flatMap((clients) =>
      PIPELINES.flatMap((pipeline) => {
        const condition = `C=${clients} P=${pipeline}`
        return [
          { condition, figure: 'per_cpu_second', peer: 'redis', value: WANTED[pipeline] ?? 1 },
          { condition, figure: 'p99_ms', peer: 'redis', value: 1, atMost: true },
        ]
      }),
    ),
    async run(effort) {
      const servers = [await startRedis('none'), await startSkeg('none')]
      try {
        if (before !== undefined) {
          const fill = { pipelines: [64], clients: [50], persistence: 'none' as const }
          const sent = { ...fill, command: before.split(' '), requests: 250_000 }
          await alternating(servers, sent, { rounds: 1, scale: 1 })
        }
        return await alternating(servers, load, effort)
      } finally {
        for (const server of servers) await server.stop()
      }
    },
  }
}

export const benches = Object.entries(SUBJECTS).map(([name, subject]) => bench(name, subject))
