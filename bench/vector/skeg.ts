/**
 * skeg as it is served: an index in a server process of its own, asked over RESP. The client shares the
 * machine's processors, so rates are also told for each second of the server's processor time.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuSeconds } from '../lib/process-figures.ts'
import { startSkeg, type Server } from '../lib/servers.ts'
import { bytesOf, cachedMib, drop, filesIn } from './files.ts'
import { store, storing } from './ingest.ts'
import { percentiles, queriesOf, recalls, type Figures, type VectorSet } from './figures.ts'
import { exchange, exchanges } from './load.ts'
import { Connection, encode, granted, type Reply } from './resp.ts'
import type { Ask, Subject } from './subject.ts'

const INDEX = 'v'
/** Queries of one SKEG.VMSEARCH: so many are one part, which one thread answers. */
const TOGETHER = 16
/** Searches after which memory is looked at. */
const SEARCHES = 10_000
/** Queries between two times at which what was read is dropped from memory, and how many in all. */
const COLD_TOGETHER = 50
const COLD_QUERIES = 500
const PAGE_BYTES = 4096
/** In place of a budget: as many rows are compared exactly as the bounds of codes leave. */
const DEFAULT = 0

/** What a search is told beside k: how many rows it compares exactly, or how many a walk keeps. */
type Unit = 'rerank' | 'list'

const POINTS: Record<Unit, Record<number, number[]>> = {
  rerank: {
    10: [12, 14, 16, 24, 40, DEFAULT],
    100: [110, 120, 130, 135, 160, 220, DEFAULT],
  },
  list: {
    10: [40, 80, 120, 160, 240, DEFAULT, 480, 640, 960, 1280],
    100: [160, 240, 320, DEFAULT, 800, 1200],
  },
}

export type Backend = 'AUTO' | 'FLAT' | 'DISK'

/** A number from a file of fields in /proc. */
function counted(pid: number, file: 'io' | 'status', field: string): number {
  const content = readFileSync(`/proc/${pid}/${file}`, 'utf8')
  return Number(new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(content)?.[1])
}

/** Resident memory as `VmRSS` has it: anonymous, shared, and mapped code and data. */
function mib(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  return counted(pid, 'status', field) / 1024
}

function segments(data: string): string[] {
  return filesIn(path.join(data, 'vectors'))
}

function commands(
  set: VectorSet,
  k: number,
  point: number,
  together: number,
  unit: Unit = 'rerank',
): Buffer[] {
  const command = together > 1 ? 'SKEG.VMSEARCH' : 'SKEG.VSEARCH'
  const list = unit === 'list' ? point : DEFAULT
  const further = unit === 'list' || point === DEFAULT ? [] : ['RERANK', `${point}`]
  const queries = queriesOf(set)
  return Array.from({ length: Math.ceil(queries.length / together) }, (_, n) => {
    const some = queries.slice(n * together, (n + 1) * together)
    const bytes = Buffer.concat(
      some.map((query) => Buffer.from(query.buffer, query.byteOffset, query.byteLength)),
    )
    return encode(command, INDEX, `${k}`, `${list}`, bytes, ...further)
  })
}

/** Ids of hits, which alternate with scores. */
function ids(reply: Reply): number[] {
  return (granted(reply) as Buffer[]).flatMap((part, n) =>
    n % 2 === 0 ? [Number(part.toString())] : [],
  )
}

/** A server with the set in an index, and how it is asked. */
export class Served {
  readonly #server: Server
  readonly #set: VectorSet
  readonly #connections: Connection[]
  readonly data: string

  private constructor(server: Server, set: VectorSet, connections: Connection[], data: string) {
    this.#server = server
    this.#set = set
    this.#connections = connections
    this.data = data
  }

  /** Starts a server on `data`. */
  static async start(set: VectorSet, data: string): Promise<Served> {
    const server = await startSkeg('everysec', data)
    const connections = await Promise.all([1, 2].map(() => Connection.open(server.port)))
    return new Served(server, set, connections, data)
  }

  /** Stores the set and makes one segment of it. */
  async build(backend: Backend = 'AUTO'): Promise<Figures> {
    const [connection] = this.#connections
    if (!connection) return {}
    const { pid } = this.#server
    const [start, used] = [performance.now(), cpuSeconds(pid)]
    const { base, dim } = this.#set
    await connection.call('SKEG.VINDEX.CREATE', INDEX, `${dim}`, 'TQ2', backend, 'IDS', 'U64')
    await store(connection, storing(INDEX, base, dim))
    const [stored, usedByThen] = [performance.now(), cpuSeconds(pid)]
    await connection.call('SKEG.VINDEX.CONSOLIDATE', INDEX)
    const end = performance.now()
    const usedByEnd = cpuSeconds(pid)
    await sleep(500)
    return {
      ingest_s: (stored - start) / 1_000,
      build_s: (end - start) / 1_000,
      ingest_cpu_s: usedByThen - used,
      build_cpu_s: usedByEnd - used,
      peak_mib: mib(pid, 'VmHWM'),
      disk_mib: bytesOf(segments(this.data)) / 2 ** 20,
    }
  }

  /** The time from the start of a process to its first answer, and memory after many. */
  static async reopen(set: VectorSet, data: string): Promise<[Served, Figures]> {
    const start = performance.now()
    const it = await Served.start(set, data)
    const [first] = commands(set, 10, DEFAULT, 1)
    if (first) ids((await it.#connections[0]?.ask(first)) ?? null)
    return [it, { open_ms: performance.now() - start }]
  }

  /** Resident memory after many searches, and what the system keeps of the files beside it. */
  async memory(): Promise<Figures> {
    const all = commands(this.#set, 10, DEFAULT, 1)
    for (let n = 0; n < SEARCHES; n++) {
      const command = all[n % all.length]
      if (command) await this.#connections[0]?.ask(command)
    }
    return {
      resident_mib: mib(this.#server.pid, 'VmRSS'),
      cached_mib: cachedMib(segments(this.data)),
    }
  }

  /** Memory of the index as the server counts it. */
  async indexBytes(): Promise<number> {
    const fields = (await this.#connections[0]?.call('SKEG.VINDEX.INFO', INDEX)) as Reply[]
    const name = fields.findIndex((field) => String(field) === 'memory_bytes')
    return Number(fields[name + 1])
  }

  /** Asks on as many connections as threads, each one thing at a time, once all replies were read and are known. */
  async measure(
    { k, point, threads, seconds }: Ask,
    together = 1,
    unit: Unit = 'rerank',
  ): Promise<Figures> {
    const [first] = this.#connections
    if (!first) return {}
    const asked = commands(this.#set, k, point, together, unit)
    const { all, replies } = await exchanges(first, asked)
    const found = (together > 1 ? (replies as Reply[][]).flat() : replies).map(ids)
    const { pid, port } = this.#server
    const before = { used: cpuSeconds(pid), reads: counted(pid, 'io', 'syscr') }
    const times = await exchange({ port, connections: threads, seconds, all })
    const searches = times.length * together
    const reads = counted(pid, 'io', 'syscr') - before.reads
    return {
      ...recalls(found, this.#set.truth, k),
      per_second: searches / seconds,
      per_cpu_second: searches / (cpuSeconds(pid) - before.used),
      rows_read: reads / searches,
      ...(together > 1 ? {} : percentiles(times)),
    }
  }

  /** As `measure`, on files that are not in the page cache, and what was read of them. */
  async measureCold({ k, point, threads }: Ask): Promise<Figures> {
    const all = commands(this.#set, k, point, 1).slice(0, COLD_QUERIES)
    const { pid } = this.#server
    const files = segments(this.data)
    const found: number[][] = []
    const times: number[] = []
    let spent = 0
    let bytes = 0
    for (let first = 0; first < all.length; first += COLD_TOGETHER) {
      const some = all.slice(first, first + COLD_TOGETHER)
      drop(files)
      const before = counted(pid, 'io', 'read_bytes')
      const start = performance.now()
      let next = 0
      await Promise.all(
        this.#connections.slice(0, threads).map(async (connection) => {
          for (let n = next++; n < some.length; n = next++) {
            const command = some[n]
            if (!command) return
            const asked = performance.now()
            found[first + n] = ids(await connection.ask(command))
            times.push(performance.now() - asked)
          }
        }),
      )
      spent += performance.now() - start
      bytes += counted(pid, 'io', 'read_bytes') - before
    }
    return {
      ...recalls(found, this.#set.truth, k),
      per_second: (all.length * 1_000) / spent,
      pages_read: bytes / PAGE_BYTES / all.length,
      ...percentiles(times),
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await this.#server.stop()
  }
}

/** The subjects of one server: asked query by query, and several at once. */
export function servedSubjects(served: Served, about: Figures): Subject[] {
  const points = (k: number): number[] => POINTS.rerank[k] ?? [DEFAULT]
  return [
    {
      name: 'skeg',
      unit: 'rerank',
      points,
      about,
      measure: (ask) => served.measure(ask),
      measureCold: (ask) => served.measureCold(ask),
      close: () => served.close(),
    },
    {
      name: 'skeg-many',
      unit: 'rerank',
      points,
      about: {},
      measure: (ask) => served.measure(ask, TOGETHER),
      close: () => Promise.resolve(),
    },
  ]
}

/** A server that is asked query by query, with points of a unit. */
export function servedSubject(name: string, served: Served, unit: Unit, about: Figures): Subject {
  return {
    name,
    unit,
    points: (k) => POINTS[unit][k] ?? [DEFAULT],
    about,
    measure: (ask) => served.measure(ask, 1, unit),
    close: () => served.close(),
  }
}
