// Generated from src/ by `npm run surface`. Its diff is the diff of the public interface.

/** A request that ends later has a number; so has an open store. */
type RequestId = number
type Handle = number
/** The functions of the addon for one environment. */
interface Binding {
  open(
    target: number,
    name: string,
    shards: number,
    level: number,
    readOnly: number,
    createIfMissing: number,
  ): RequestId | undefined
  close(handle: Handle): RequestId | undefined
  /** `request, state, value` triples; the state is an epoch, or -1 with `[code, message]` as value. */
  collect(): unknown[]
  failure(): [code: string, message: string]
  keepAlive(yes: number): void
  /** The value, `null` without key, the number of the request when it comes later. */
  get(handle: Handle, key: unknown, mode: number): string | Buffer | null | RequestId | undefined
  /** The epoch to wait for, or the negative number of the request. */
  set(
    handle: Handle,
    key: unknown,
    value: unknown,
    deadline: number,
    ms: number,
  ): number | undefined
  /** Asks to be woken when these epochs (0: none) are reached, and has written what is unwritten. */
  submit(handle: Handle, kernel: number, disk: number): number | undefined
  reached(
    handle: Handle,
  ): [kernel: number, disk: number, last: number, failed: string | null] | undefined
}

/**
 * What went wrong, for programs to act upon: messages may change, codes don't.
 *
 * - `ERR_LOCKED`: another process has the data directory open. Close it there, or talk to it over RESP.
 * - `ERR_CORRUPT`: a file is damaged. The message names the file and the place; nothing was skipped.
 * - `ERR_FORMAT_VERSION`: the directory was written by a version that this one cannot read.
 * - `ERR_NOT_FOUND`: the directory, index or key that the call needs does not exist.
 * - `ERR_KEY_EXISTS`: `insert` of a key that is there. Nothing was changed.
 * - `ERR_CAS_MISMATCH`: `cas` found another value than expected. Nothing was changed.
 * - `ERR_WRONG_TYPE`: the key holds a value of another type than the call works on.
 * - `ERR_INVALID_ARGUMENT`: an argument or option that no call with it could succeed.
 * - `ERR_DIMENSION`: a vector whose length is not the dimension of its index.
 * - `ERR_FILTER`: a filter that does not parse, or that names a field which is not declared.
 * - `ERR_TOO_LARGE`: a key, value or command beyond the documented limits.
 * - `ERR_OUT_OF_MEMORY`: the memory limit is reached and nothing may be evicted.
 * - `ERR_NO_SPACE`: the disk is full. Nothing was changed; works again when there is space.
 * - `ERR_IO`: the operating system refused to read or write. `cause` says why.
 * - `ERR_READ_ONLY`: a write to a store that was opened with `readOnly`.
 * - `ERR_OUTCOME_UNKNOWN`: the write may or may not survive: the log failed before it was confirmed.
 * - `ERR_CLOSED`: the store was closed.
 * - `ERR_ABORTED`: the signal of the call was aborted before it had an effect.
 * - `ERR_WOULD_BLOCK`: a synchronous call that would have to wait. Use the asynchronous one.
 * - `ERR_BUSY`: too much is in flight. Wait for `drain()` and try again.
 * - `ERR_ENCODING`: bytes that are not UTF-8 were asked for as a string, or a string that has no
 *   UTF-8 form (a lone surrogate) was given. The `Buffer` twins take and return any bytes.
 * - `ERR_INDEX_MISMATCH`: the index exists with other options than those asked for.
 * - `ERR_CONFLICT`: a transaction or update lost 16 races in a row. Try again later.
 * - `ERR_UNSUPPORTED_PLATFORM`: no native binary for this platform was found. The message says
 *   where it was looked for and how to get it.
 * - `ERR_REPLY`: a command given to `call` was refused; the message is the server's reply.
 */
type ErrorCode =
  | 'ERR_LOCKED'
  | 'ERR_CORRUPT'
  | 'ERR_FORMAT_VERSION'
  | 'ERR_NOT_FOUND'
  | 'ERR_KEY_EXISTS'
  | 'ERR_CAS_MISMATCH'
  | 'ERR_WRONG_TYPE'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_DIMENSION'
  | 'ERR_FILTER'
  | 'ERR_TOO_LARGE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_NO_SPACE'
  | 'ERR_IO'
  | 'ERR_READ_ONLY'
  | 'ERR_OUTCOME_UNKNOWN'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'
  | 'ERR_WOULD_BLOCK'
  | 'ERR_BUSY'
  | 'ERR_ENCODING'
  | 'ERR_INDEX_MISMATCH'
  | 'ERR_CONFLICT'
  | 'ERR_UNSUPPORTED_PLATFORM'
  | 'ERR_REPLY'
/**
 * Every error that skeg throws or rejects with.
 *
 * @example
 * ```ts
 * try {
 *   await db.insert('user:1', 'Ada')
 * } catch (error) {
 *   if (error instanceof SkegError && error.code === 'ERR_KEY_EXISTS') console.log('taken')
 *   else throw error
 * }
 * ```
 */
declare class SkegError extends Error {
  /** Always `SkegError`. */
  readonly name = 'SkegError'
  /** What went wrong; stable across versions. */
  readonly code: ErrorCode
  /** @internal */
  constructor(
    code: ErrorCode,
    message: string,
    options?: {
      cause?: unknown
    },
  )
  /** Whether the same call may succeed later. */
  get retryable(): boolean
}

/** Looked after when the addon wakes the environment. */
interface Waiter {
  settle(): void
}
declare class Environment {
  #private
  readonly binding: Binding
  constructor()
  /** The error of the call that has just returned `undefined`. */
  failure(): SkegError
  /** A request that the addon has taken; `finish` gets its value, and the epoch of its writes. */
  request<T>(id: RequestId, finish: (value: unknown, epoch: number) => T | Promise<T>): Promise<T>
  /** Something is unsettled: the process lives on until {@link letGo} was called as often. */
  keepAlive(): void
  letGo(): void
  addWaiter(waiter: Waiter): void
  removeWaiter(waiter: Waiter): void
  /**
   * A promise of a value that is there already. Within the turn's budget it is settled at once;
   * beyond, it settles in the next turn: a loop of awaited reads would otherwise keep the event loop
   * from ever turning.
   */
  ready<T>(value: T): Promise<T>
}

/**
 * How safe a write is when its promise resolves.
 *
 * - `memory`: it was applied. The process must live on.
 * - `kernel`: it was handed to the operating system. It survives the death of the process (`kill -9`);
 *   it is synced within a second.
 * - `disk`: it was synced. It survives power loss.
 */
type Durability = 'memory' | 'kernel' | 'disk'
/** Options of {@link open} for a data directory. */
interface OpenOptions {
  /**
   * In how many parts keys are spread: a power of two up to 256, fixed when the store is created.
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
   * Bytes of keys and values in calls that have not settled, beyond which calls reject with `ERR_BUSY`.
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
interface MemoryOptions {
  /** Keep nothing on disk. */
  memory: true
  /** Stores of the same name are one store, for all worker threads of the process. */
  name?: string
  /** As for a data directory. */
  shards?: number | 'auto'
  /** As for a data directory. */
  maxPendingBytes?: number
  /** As for a data directory. */
  maxPendingCalls?: number
}

/** A key or a value: a string stands for its UTF-8 bytes. */
type Bytes = string | Uint8Array
/** Options of {@link Database.set}. */
interface SetOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires, as a date or in Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; without it (and without `ttl`) the key loses it. */
  keepTtl?: boolean
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}
/** Limits of a store. */
interface Limits {
  readonly level: number
  readonly pendingBytes: number
  readonly pendingCalls: number
}
/**
 * An open store, made by {@link open}.
 *
 * Every asynchronous method reports failure by rejecting, also for wrong arguments. Calls take
 * effect in the order in which they are made.
 */
declare class Database implements AsyncDisposable {
  #private
  /** @internal */
  constructor(environment: Environment, handle: Handle, limits: Limits)
  /**
   * The value of a key as a string, `null` when there is none.
   *
   * @example
   * ```ts
   * const name = await db.get('user:1')
   * ```
   */
  get(key: Bytes): Promise<string | null>
  /** The value of a key as bytes, `null` when there is none. */
  getBuffer(key: Bytes): Promise<Buffer | null>
  /**
   * The value of a key, at once. Throws `ERR_WOULD_BLOCK` when that would have to wait: while another
   * thread is at work on the key's shard, or calls of this thread are queued for it.
   */
  getSync(key: Bytes): string | null
  /** As {@link getSync}, as bytes. */
  getBufferSync(key: Bytes): Buffer | null
  /**
   * Sets the value of a key. Resolves when the write is as safe as the store's `durability`, or the
   * call's.
   *
   * @example
   * ```ts
   * await db.set('session:42', token, { ttl: 60_000 })
   * ```
   */
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<true>
  /** Resolves when every call made before has taken effect and is on disk. */
  flush(): Promise<void>
  /** Resolves when none of this store's calls is unsettled any more. */
  drain(): Promise<void>
  /** Calls that have not settled, and the bytes of their keys and values. */
  get pressure(): {
    calls: number
    bytes: number
  }
  /**
   * Closes the store: calls made before settle, later ones reject with `ERR_CLOSED`. Other threads
   * of the process that have it open keep it. Closing again returns the same promise.
   */
  close(): Promise<void>
  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Where the `skeg` executable of this platform is.
 *
 * @internal
 */
declare function executablePath(): string

/**
 * Opens the store in a directory, or one in memory only.
 *
 * Worker threads of one process that open the same directory share one store. Another process is
 * refused with `ERR_LOCKED`.
 *
 * @example
 * ```ts
 * const db = await open('./data')
 * await db.set('user:1', 'Ada')
 * await db.close()
 * ```
 */
declare function open(directory: string, options?: OpenOptions): Promise<Database>
declare function open(options: MemoryOptions): Promise<Database>

/**
 * skeg: a durable key-value and vector store for Node.
 *
 * @packageDocumentation
 */

/** The version of this package. */
declare const version: string

export { Database, SkegError, executablePath, open, version }
export type { Bytes, Durability, ErrorCode, MemoryOptions, OpenOptions, SetOptions }
