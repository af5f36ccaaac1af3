// Options as users write them, checked one by one: a misspelt option is an error, never ignored.

import { SkegError } from './errors.ts'

/**
 * How safe a write is when its promise resolves.
 *
 * - `memory`: it was applied. The process must live on.
 * - `kernel`: it was handed to the operating system. It survives the death of the process (`kill -9`);
 *   it is synced within a second.
 * - `disk`: it was synced. It survives power loss.
 */
export type Durability = 'memory' | 'kernel' | 'disk'

/** When a snapshot is taken by time. */
export interface SnapshotEvery {
  /** So many milliseconds after the last one, if there were `writes`. */
  ms: number
  /**
   * How many writes there must have been.
   * @defaultValue 1
   */
  writes?: number
}

/**
 * What goes when the data takes more than `maxMemory`: of all keys, or of those with a deadline, the ones
 * not used for the longest time (`lru`), used least often (`lfu`), or any; or those that expire first
 * (`volatile-ttl`). The names are those of Redis's `maxmemory-policy`. With `allkeys-group-lru` keys that
 * belong together, such as those of one session, go together: of the group that none was used of for the
 * longest time, all. `groupDepth` and `groupDelimiter` say what is a group.
 */
export type Eviction =
  | 'noeviction'
  | 'allkeys-lru'
  | 'allkeys-lfu'
  | 'allkeys-random'
  | 'volatile-lru'
  | 'volatile-lfu'
  | 'volatile-random'
  | 'volatile-ttl'
  | 'allkeys-group-lru'

/** Options of {@link open} for a data directory. */
export interface OpenOptions {
  /**
   * In how many parts keys are spread: a power of two up to 256. A store that has another number is given
   * this one when it is opened, which takes as long as a snapshot once; with `readOnly` that is refused.
   * @defaultValue `'auto'`: what the store has, 16 for a new one
   */
  shards?: number | 'auto'
  /**
   * How safe a write is when its promise resolves, unless the call says otherwise.
   * @defaultValue `'kernel'`
   */
  durability?: Durability
  /**
   * Serve what is there and refuse writes.
   * @defaultValue `false`
   */
  readOnly?: boolean
  /**
   * Create the directory and the store in it when there is none.
   * @defaultValue `true`
   */
  createIfMissing?: boolean
  /**
   * Strings of more bytes stay on the disk and are read when they are asked for; from 64 to 536,870,912.
   * A string that is changed in place (APPEND, SETRANGE) is in memory from then on.
   * @defaultValue 1,024
   */
  inlineMax?: number
  /**
   * Bytes of memory for strings that were read back from the disk.
   * @defaultValue 64 MiB
   */
  cache?: number
  /**
   * Bytes of memory that keys, values and vectors may take, by `stats()`'s measure.
   * @defaultValue 0: no limit
   */
  maxMemory?: number
  /**
   * What goes when they take more; with `'noeviction'`, calls that would take more reject with
   * `ERR_OUT_OF_MEMORY`.
   * @defaultValue `'noeviction'`
   */
  eviction?: Eviction
  /**
   * For `'allkeys-group-lru'`: how many parts of a key name its group, 0 to 16. With 2, `session:42:turn:7`
   * and `session:42` are of the group `session:42`; a key of fewer parts is a group of its own. A hash tag is
   * the group in any case (`turn:7:{session:42}`), with 0 nothing else is.
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
   * older one is loaded with it should the newest be damaged; a process warning tells of that. On a full disk
   * the oldest are given up.
   * @defaultValue 1
   */
  keepSnapshots?: number
  /**
   * How long to try, in milliseconds, while another process has the directory open.
   * @defaultValue 0: `ERR_LOCKED` at once
   */
  waitForLock?: number
  /**
   * Bytes of keys and values in calls that have not settled, beyond which calls reject with `ERR_BUSY`. A call
   * alone may have more.
   * @defaultValue 64 MiB
   */
  maxPendingBytes?: number
  /**
   * Calls that have not settled, beyond which calls reject with `ERR_BUSY`.
   * @defaultValue 65,536
   */
  maxPendingCalls?: number
}

/** Options of {@link open} for a store that is in memory only. */
export interface MemoryOptions {
  /** Keep nothing on disk. */
  memory: true
  /** Stores of the same name are one store, for all worker threads of the process. */
  name?: string
  /** As for a data directory. */
  shards?: number | 'auto'
  /** As for a data directory. */
  maxMemory?: number
  /** As for a data directory. */
  eviction?: Eviction
  /** As for a data directory. */
  groupDepth?: number
  /** As for a data directory. */
  groupDelimiter?: string
  /** As for a data directory. */
  maxPendingBytes?: number
  /** As for a data directory. */
  maxPendingCalls?: number
}

/** Rejects what is no object, and keys that are not known. */
export function checkKeys(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw new SkegError('ERR_INVALID_ARGUMENT', `${what} must be an object`)
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue
    const close = known.find((name) => name.toLowerCase() === key.toLowerCase())
    const hint = close === undefined ? `there are: ${known.join(', ')}` : `did you mean ${close}?`
    throw new SkegError('ERR_INVALID_ARGUMENT', `unknown option \`${key}\` in ${what}; ${hint}`)
  }
}

/** Rejects a value of the wrong kind. */
export function expected(name: string, must: string): SkegError {
  return new SkegError('ERR_INVALID_ARGUMENT', `\`${name}\` must be ${must}`)
}

/** Rejects what is no array. */
export function checkList(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw expected(name, 'an array')
}

/** Rejects what can't be iterated over, and strings, which nobody means to be. */
export function checkIterable(name: string, value: unknown): void {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  if (!isIterable) throw expected(name, 'an array or another iterable')
}

/** A whole number within bounds, or the default. */
export function integer(
  name: string,
  value: unknown,
  min: number,
  max: number,
  standard: number,
): number {
  if (value === undefined) return standard
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max)
    return value
  throw expected(name, `a whole number from ${min} to ${max}`)
}

/** A signal, if one is given. */
export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw expected('signal', 'an AbortSignal')
}

/** A boolean, or the default. */
export function boolean(name: string, value: unknown, standard: boolean): boolean {
  if (value === undefined) return standard
  if (typeof value === 'boolean') return value
  throw expected(name, 'true or false')
}

/** The policies, in the order in which the addon knows them. */
export const EVICTIONS: readonly Eviction[] = [
  'noeviction',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-group-lru',
]

/** The number of an eviction policy. */
export function evictionOf(value: unknown): number {
  if (value === undefined) return 0
  const number = EVICTIONS.indexOf(value as Eviction)
  if (number < 0) throw expected('eviction', `one of ${EVICTIONS.join(', ')}`)
  return number
}

/** How many parts of a key may name its group. */
export const GROUP_DEPTH_MAX = 16

/** A delimiter of the parts of a key. */
export function groupDelimiter(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[!-~]$/.test(value)) return value
  throw expected(name, 'one visible ASCII character')
}

/** How keys are grouped, as the addon takes it. */
export function groupingOf(depth: unknown, delimiter: unknown = ':'): number {
  const parts = integer('groupDepth', depth, 0, GROUP_DEPTH_MAX, 2)
  return (parts << 8) | groupDelimiter('groupDelimiter', delimiter).charCodeAt(0)
}

const LEVELS: Record<Durability, number> = { memory: 0, kernel: 1, disk: 2 }

/** The number of a level, or the default. */
export function level(value: unknown, standard: number): number {
  if (value === undefined) return standard
  const known = typeof value === 'string' && Object.hasOwn(LEVELS, value)
  if (known) return LEVELS[value as Durability]
  throw expected('durability', "'memory', 'kernel' or 'disk'")
}

/** No snapshots by time. */
const NEVER: Required<SnapshotEvery> = { ms: 0, writes: 0 }

/** When a snapshot is taken by time. */
export function snapshotEvery(options: SnapshotEvery | undefined): Required<SnapshotEvery> {
  if (options === undefined) return NEVER
  checkKeys('`snapshotEvery`', options, ['ms', 'writes'])
  const { ms, writes } = options as { ms?: unknown; writes?: unknown }
  return {
    // It has no default: what is missing is refused as what is wrong.
    ms: integer('snapshotEvery.ms', ms ?? null, 1, 2 ** 32 - 1, 0),
    writes: integer('snapshotEvery.writes', writes, 1, 2 ** 32 - 1, 1),
  }
}
