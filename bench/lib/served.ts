/** redis-benchmark as the client of every server, one run after the other on the same machine. */
import { run } from '../../scripts/lib/process.ts'
import { best, type Effort, type Row } from './bench.ts'
import { cpuSeconds } from './process-figures.ts'
import { fill, startRedis, startSkeg, type Persistence, type Server } from './servers.ts'

export interface Load {
  /** What is sent: a test of redis-benchmark, or the words of a command as it takes them. */
  command: 'SET' | 'GET' | string[]
  /** What the command uses up: sent as often before each round, and not measured. */
  supply?: string[]
  pipelines: number[]
  /** Connections: `CLIENTS` when not said. */
  clients?: number[]
  persistence: Persistence
  /** Requests of one round at pipeline 1; longer pipelines send more. */
  requests: number
}

export const CLIENTS = 50
export const KEYS = 1_000_000
export const VALUE_BYTES = 64

export async function round(
  server: Server,
  load: Load,
  pipeline: number,
  effort: Effort,
  clients = CLIENTS,
): Promise<Record<string, number>> {
  const requests = Math.round(load.requests * effort.scale * Math.min(pipeline, 16))
  const { command } = load
  const sent = typeof command === 'string' ? ['-t', command.toLowerCase()] : command
  const before = cpuSeconds(server.pid)
  const result = await run(
    'redis-benchmark',
    [
      '-p',
      `${server.port}`,
      '-c',
      `${clients}`,
      '-n',
      `${requests}`,
      '-P',
      `${pipeline}`,
      '-r',
      `${KEYS}`,
      '-d',
      `${VALUE_BYTES}`,
      '--csv',
      ...sent,
    ],
    { silent: true },
  )
  const used = cpuSeconds(server.pid) - before
  const lines = result.stdout
    .trim()
    .split('\n')
    .map((line) => line.replaceAll('"', '').split(','))
  const [head, values] = [lines.at(-2) ?? [], lines.at(-1) ?? []]
  const figure = (name: string): number => Number(values[head.indexOf(name)])
  if (result.code !== 0 || !(figure('rps') > 0)) {
    throw new Error(`redis-benchmark against ${server.name} failed:\n${result.output}`)
  }
  return {
    per_second: figure('rps'),
    per_cpu_second: requests / used,
    p50_ms: figure('p50_latency_ms'),
    p99_ms: figure('p99_latency_ms'),
  }
}

/** Measures skeg and Redis under one load, alternating. */
export async function served(load: Load, effort: Effort): Promise<Row[]> {
  const servers = [await startRedis(load.persistence), await startSkeg(load.persistence)]
  try {
    for (const server of servers) await fill(server, KEYS, VALUE_BYTES)
    return await alternating(servers, load, effort)
  } finally {
    for (const server of servers) await server.stop()
  }
}

/** Measures servers that are there under one load, alternating. */
export async function alternating(servers: Server[], load: Load, effort: Effort): Promise<Row[]> {
  const rows: Row[] = []
  for (const clients of load.clients ?? [CLIENTS]) {
    for (const pipeline of load.pipelines) {
      const rounds = servers.map((): Record<string, number>[] => [])
      for (let n = 0; n < effort.rounds; n++) {
        for (const [at, server] of servers.entries()) {
          if (load.supply) await round(server, { ...load, command: load.supply }, pipeline, effort)
          rounds[at]?.push(await round(server, load, pipeline, effort, clients))
        }
      }
      for (const [at, server] of servers.entries()) {
        rows.push({
          subject: server.name,
          condition: load.clients ? `C=${clients} P=${pipeline}` : `P=${pipeline}`,
          figures: best(rounds[at] ?? []),
        })
      }
    }
  }
  return rows
}
