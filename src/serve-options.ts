// Options of a server process, as flags of `skeg serve`: each option is a row of a table.

import {
  boolean,
  checkKeys,
  EVICTIONS,
  GROUP_DEPTH_MAX,
  groupDelimiter,
  expected,
  integer,
  level,
  snapshotEvery,
  type Durability,
  type Eviction,
  type SnapshotEvery,
} from './options.ts'
import { SkegError } from './errors.ts'

/** Options of {@link serve}: those of `skeg serve`. */
export interface ServeOptions {
  /** The data directory; without, and without `config`, the store is in memory only. */
  data?: string
  /**
   * A TOML file with settings of `skeg serve`; options that are given here win.
   */
  config?: string
  /**
   * How safe a write is when it is acknowledged.
   * @defaultValue `'kernel'`
   */
  durability?: Durability
  /**
   * In how many parts keys are spread: a power of two up to 256. A store that has another number is given
   * this one when it is opened, which takes as long as a snapshot once.
   * @defaultValue `'auto'`: what the store has, 16 for a new one
   */
  shards?: number | 'auto'
  /**
   * Bytes of a log file, 1 MiB to 1 GiB.
   * @defaultValue 64 MiB
   */
  segmentSize?: number
  /**
   * Strings of more bytes stay on the disk; from 64 to 536,870,912.
   * @defaultValue 1,024
   */
  inlineMax?: number
  /**
   * Bytes of memory for strings that were read back from the disk.
   * @defaultValue 64 MiB
   */
  cache?: number
  /**
   * Bytes of memory that keys, values and vectors may take.
   * @defaultValue 0: no limit
   */
  maxMemory?: number
  /**
   * What goes when they take more.
   * @defaultValue `'noeviction'`
   */
  eviction?: Eviction
  /**
   * For `'allkeys-group-lru'`: how many parts of a key name its group, 0 to 16; with 0 only hash tags do.
   * @defaultValue 2
   */
  groupDepth?: number
  /**
   * What stands between the parts of a key: one visible ASCII character.
   * @defaultValue `':'`
   */
  groupDelimiter?: string
  /**
   * Take snapshots by time, too.
   * @defaultValue only when the log is half as large as the last one
   */
  snapshotEvery?: SnapshotEvery
  /**
   * How many snapshots are kept, up to 8. With more than one, the log from the oldest on is kept, too, and an
   * older one is loaded with it should the newest be damaged; the server's log tells of that. On a full disk
   * the oldest are given up.
   * @defaultValue 1
   */
  keepSnapshots?: number
  /**
   * TCP port; 0 takes any that is free, `false` listens on the Unix socket only.
   * @defaultValue 6379
   */
  port?: number | false
  /**
   * IP address to listen on, or several. Whoever reaches it can read and write.
   * @defaultValue `'127.0.0.1'`
   */
  host?: string | readonly string[]
  /** Path of a Unix socket to listen on; a stale one is replaced. */
  unixSocket?: string
  /**
   * Clients at most; one more is told so and closed.
   * @defaultValue 10,000
   */
  maxConnections?: number
  /**
   * Close clients that are silent for so many milliseconds.
   * @defaultValue 0: never
   */
  idleTimeout?: number
  /**
   * Probe silent clients after so many milliseconds; 0 never does.
   * @defaultValue 300,000
   */
  tcpKeepAlive?: number
  /**
   * Serving threads at most, 1 to 256; one serves until it is busy.
   * @defaultValue as many as there are processors, 4 at most
   */
  threads?: number
  /**
   * Bytes of the largest argument of a command, 1 MiB to 512 MiB.
   * @defaultValue 512 MiB
   */
  maxValueSize?: number
  /**
   * Close clients that leave more bytes of replies than this unread; 1 MiB to 64 GiB.
   * @defaultValue 1 GiB
   */
  maxOutputSize?: number
  /**
   * How many milliseconds a stop waits for unfinished commands.
   * @defaultValue 10,000
   */
  shutdownTimeout?: number
  /**
   * Let clients use DEBUG, which can stop serving threads.
   * @defaultValue `false`
   */
  debugCommand?: boolean
  /**
   * Which messages the server prints; they are seen with `verbose` only.
   * @defaultValue `'info'`
   */
  logLevel?: 'error' | 'warn' | 'info' | 'debug'
  /**
   * Print what the server prints.
   * @defaultValue `false`
   */
  verbose?: boolean
}

/** Checks an option and writes it as the value of a flag. */
type Writer = (name: string, value: unknown) => string

const YEAR_MS = 366 * 24 * 3_600_000

const whole =
  (min: number, max: number): Writer =>
  (name, value) =>
    String(integer(name, value, min, max, min))

const milliseconds: Writer = (name, value) => `${String(integer(name, value, 0, YEAR_MS, 0))}ms`

const oneOf =
  (words: readonly string[]): Writer =>
  (name, value) => {
    if (typeof value === 'string' && words.includes(value)) return value
    throw expected(name, `one of ${words.join(', ')}`)
  }

const text: Writer = (name, value) => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw expected(name, 'a string that is not empty')
}

const save: Writer = (_, value) => {
  const { ms, writes } = snapshotEvery(value as SnapshotEvery)
  return `${String(ms)}ms ${String(writes)}`
}

const durability: Writer = (_, value) => {
  level(value, 0)
  return value as Durability
}

/** Options that are a flag with a value each. */
const FLAGS: Partial<Record<keyof ServeOptions, [flag: string, write: Writer]>> = {
  config: ['config', text],
  durability: ['durability', durability],
  segmentSize: ['segment-size', whole(2 ** 20, 2 ** 30)],
  inlineMax: ['inline-max', whole(64, 2 ** 29)],
  cache: ['cache', whole(0, 2 ** 40)],
  maxMemory: ['maxmemory', whole(0, 2 ** 50)],
  eviction: ['eviction', oneOf(EVICTIONS)],
  groupDepth: ['maxmemory-group-depth', whole(0, GROUP_DEPTH_MAX)],
  groupDelimiter: ['maxmemory-group-delimiter', groupDelimiter],
  snapshotEvery: ['save', save],
  keepSnapshots: ['keep-snapshots', whole(1, 8)],
  unixSocket: ['unix-socket', text],
  maxConnections: ['max-connections', whole(1, 1_000_000)],
  idleTimeout: ['idle-timeout', milliseconds],
  tcpKeepAlive: ['tcp-keepalive', milliseconds],
  threads: ['threads', whole(1, 256)],
  maxValueSize: ['max-value-size', whole(2 ** 20, 2 ** 29)],
  maxOutputSize: ['max-output-size', whole(2 ** 20, 2 ** 36)],
  shutdownTimeout: ['shutdown-timeout', milliseconds],
  logLevel: ['log-level', oneOf(['error', 'warn', 'info', 'debug'])],
}

/** Options that are more than a flag with a value. */
const OTHERS = ['data', 'shards', 'port', 'host', 'debugCommand', 'verbose']

/** The flags of `skeg serve` that options stand for. */
export function serveFlags(options: ServeOptions): string[] {
  checkKeys('the options of serve', options, [...Object.keys(FLAGS), ...OTHERS])
  const given = options as Record<string, unknown>
  const flags: string[] = []
  for (const [name, [flag, write]] of Object.entries(FLAGS)) {
    const value = given[name]
    if (value !== undefined) flags.push(`--${flag}`, write(name, value))
  }
  const { data, shards, host, port } = given
  if (data !== undefined) flags.push('--data', text('data', data))
  else if (given['config'] === undefined) flags.push('--no-persistence')
  if (shards !== undefined && shards !== 'auto') {
    flags.push('--shards', whole(1, 256)('shards', shards))
  }
  if (boolean('debugCommand', given['debugCommand'], false)) flags.push('--enable-debug-command')
  boolean('verbose', given['verbose'], false)
  if (port === false) {
    const wrong = host !== undefined || given['unixSocket'] === undefined
    if (!wrong) return [...flags, '--no-tcp']
    const problem = 'without a `port` there has to be a `unixSocket`, and no `host`'
    throw new SkegError('ERR_INVALID_ARGUMENT', problem)
  }
  if (port !== undefined) flags.push('--port', whole(0, 65_535)('port', port))
  else if (given['config'] === undefined) flags.push('--port', '6379')
  if (host !== undefined) {
    const hosts: unknown[] = Array.isArray(host) ? host : [host]
    if (hosts.length === 0) throw expected('host', 'an address or several')
    flags.push('--host', hosts.map((one) => text('host', one)).join(','))
  }
  return flags
}
