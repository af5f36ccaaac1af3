// Generated from src/ by `npm run surface`. Its diff is the diff of the public interface.

/** A key or a value: a string stands for its UTF-8 bytes. */
type Bytes = string | Uint8Array
/** The numbers of a vector; they are stored in single precision. */
type Vector = Float32Array | readonly number[]
/** The id of a vector: a string, or for an index of `ids: 'u64'` an integer that is not negative. */
type VectorId = string | number | bigint

/** The deadline of a key that a batch or transaction sets. */
interface ChangeOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires: a date, or Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; otherwise the key loses it. */
  keepTtl?: boolean
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
  /** For the package itself; public because errors are. */
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

/**
 * How safe a write is when its promise resolves.
 *
 * - `memory`: it was applied. The process must live on.
 * - `kernel`: it was handed to the operating system. It survives the death of the process (`kill -9`);
 *   it is synced within a second.
 * - `disk`: it was synced. It survives power loss.
 */
type Durability = 'memory' | 'kernel' | 'disk'
/** When a snapshot is taken by time. */
interface SnapshotEvery {
  /** So many milliseconds after the last one, if there were `writes`. */
  ms: number
  /**
   * How many writes there must have been.
   * @defaultValue 1
   */
  writes?: number
}
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
   * Take snapshots by time, too.
   * @defaultValue only when the log has outgrown the last one
   */
  snapshotEvery?: SnapshotEvery
  /**
   * How long to try, in milliseconds, while another process has the directory open.
   * @defaultValue 0: `ERR_LOCKED` at once
   */
  waitForLock?: number
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

/** Options of {@link Batch.write} and {@link Database.setMany}. */
interface WriteOptions {
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}
/**
 * Changes that are made together, all or none; made by {@link Database.batch}.
 *
 * @example
 * ```ts
 * await db.batch().set('a', '1').del('b').write()
 * ```
 */
declare class Batch {
  #private
  private constructor()
  /** Sets a key. */
  set(key: Bytes, value: Bytes, options?: ChangeOptions): this
  /** Deletes keys; those that are not there don't matter. */
  del(...keys: Bytes[]): this
  /** Gives a key that is there a new deadline, in milliseconds from now; `null` takes it away. */
  setTtl(key: Bytes, ms: number | null): this
  /** Makes the changes. A batch is written once. */
  write(options?: WriteOptions): Promise<void>
}

/**
 * What a command replies: integers beyond 2^53 as bigint, maps as objects, an error inside an array
 * as an `Error`.
 */
type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | Error
  | Reply[]
  | {
      [name: string]: Reply
    }

/** Options of {@link Database.listen}. */
interface ListenOptions {
  /**
   * TCP port; 0 takes any that is free. Without `port`, there has to be a `unixSocket`.
   */
  port?: number
  /**
   * Name or address to listen on. There is no authentication: think twice before you change it.
   * @defaultValue `'127.0.0.1'`
   */
  host?: string
  /** Path of a Unix socket to listen on. */
  unixSocket?: string
  /**
   * Clients at most; one more is told so and closed.
   * @defaultValue 10,000
   */
  maxConnections?: number
}
/** A server of an open store, made by {@link Database.listen}. It keeps the process alive. */
declare class Server implements AsyncDisposable {
  #private
  /** The address that it listens on; empty when it listens on a Unix socket only. */
  readonly host: string
  /** The TCP port that it listens on; 0 when it listens on a Unix socket only. */
  readonly port: number
  /** The Unix socket that it listens on; empty when there is none. */
  readonly unixSocket: string
  private constructor()
  /** Stops serving: what clients have begun is finished, then they are disconnected. */
  close(): Promise<void>
  /** Closes the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/** Options of {@link Database.scan}. */
interface ScanOptions {
  /** Only keys that match this pattern: `*`, `?` and `[...]` as in Redis. */
  match?: string
  /** Only keys that hold a value of this type. */
  type?: 'string'
  /**
   * How many keys are looked at in one step. More is faster, and keeps others waiting for longer.
   * @defaultValue 256
   */
  count?: number
}

/** Options of {@link Database.set}. At most one of those that decide the deadline may be given. */
interface SetOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires: a date, or Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; otherwise the key loses it. */
  keepTtl?: boolean
  /** Write only when there is no such key. */
  ifAbsent?: boolean
  /** Write only when there is such a key. */
  ifPresent?: boolean
  /** How safe the write is when the promise resolves. */
  durability?: Durability
  /** As `ttl`, in seconds; node-redis's name. */
  EX?: number
  /** As `ttl`; node-redis's name. */
  PX?: number
  /** As `expireAt`, in Unix seconds; node-redis's name. */
  EXAT?: number
  /** As `expireAt`, in Unix milliseconds; node-redis's name. */
  PXAT?: number
  /** As `keepTtl`; node-redis's name. */
  KEEPTTL?: boolean
  /** As `ifAbsent`; node-redis's name. */
  NX?: boolean
  /** As `ifPresent`; node-redis's name. */
  XX?: boolean
  /** Resolve with the value that the key had, `null` without; node-redis's name. */
  GET?: boolean
}

/** Figures of a store, summed over its parts. Counts are since it was opened. */
interface Stats {
  /** Keys. */
  keys: number
  /** Keys that have a deadline. */
  expiring: number
  /** Bytes of memory of keys, values and tables. */
  memoryBytes: number
  /** Vector indexes. */
  indexes: number
  /** Vectors in them. */
  vectors: number
  /** Bytes of memory of the vectors. */
  vectorBytes: number
  /** Reads of a key that was there. */
  hits: number
  /** Reads of a key that was not there. */
  misses: number
  /** Keys removed because their deadline had passed. */
  expired: number
  /** Commands that were run. */
  commands: number
}

/** What {@link Database.subscribe} listens to: channels by name, or every channel that fits a pattern. */
type Channels = Bytes | readonly Bytes[] | Patterns
/** Patterns of channels: `*`, `?` and `[...]` as in Redis. */
interface Patterns {
  /** The pattern, or several. */
  pattern: Bytes | readonly Bytes[]
}
/** Options of {@link Database.subscribe}. */
interface SubscribeOptions {
  /** Ends the iteration with `ERR_ABORTED`. */
  signal?: AbortSignal
}
/** A message that was published. */
interface Message<T = string> {
  /** The channel that it was published on. */
  channel: T
  /** What was published. */
  message: T
  /** The pattern that the channel fits, when patterns were subscribed to. */
  pattern?: T
}
/**
 * The messages of some channels, in the order of publishing, from the moment it was made. Made by
 * {@link Database.subscribe}; ends with `return()` (which leaving a `for await` calls), with its signal, and
 * with the store. Messages that nobody takes wait, up to 64 MiB; then it ends with `ERR_BUSY`.
 */
declare class Subscription<T = string> implements AsyncIterableIterator<Message<T>, undefined> {
  #private
  private constructor()
  /** The next message, as soon as there is one. */
  next(): Promise<IteratorResult<Message<T>, undefined>>
  /** Ends the subscription. */
  return(): Promise<IteratorResult<Message<T>, undefined>>
  /** Itself: it is what a `for await` loop takes. */
  [Symbol.asyncIterator](): this
  /** Ends the subscription at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/** The index of a transaction: vectors commit together with keys. */
interface TransactionIndex {
  /** Stores a vector. */
  set(id: VectorId, vector: Vector): void
  /** Deletes a vector. */
  del(id: VectorId): void
}
/**
 * What the callback of {@link Database.transaction} works with. Reads see the store as it is, and the
 * transaction's own changes; changes are made when the callback has ended.
 */
declare class Transaction {
  #private
  private constructor()
  /** The value of a key as a string, `null` when there is none. */
  get(key: Bytes): Promise<string | null>
  /** The value of a key as bytes, `null` when there is none. */
  getBuffer(key: Bytes): Promise<Buffer | null>
  /** Whether there is such a key. */
  exists(key: Bytes): Promise<boolean>
  /** Sets a key when the transaction commits. */
  set(key: Bytes, value: Bytes, options?: ChangeOptions): this
  /** Deletes keys when the transaction commits. */
  del(...keys: Bytes[]): this
  /** Gives a key a new deadline when the transaction commits; `null` takes it away. */
  setTtl(key: Bytes, ms: number | null): this
  /** A vector index, by its name: its changes are made with the others. */
  index(name: string): TransactionIndex
}

/** Returns the new value, `null` to delete the key, `undefined` to leave it as it is. */
type Change = (value: string | null) => string | null | undefined

/** How near two vectors are. */
type Metric = 'cosine' | 'ip' | 'euclidean'
/** Options of a new index; an index that exists must have the same. */
interface IndexOptions {
  /** Numbers of a vector, from 1 to 65,536. */
  dim: number
  /**
   * `cosine` (scores from -1 to 1), `ip` (inner product) or `euclidean` (the score is minus the
   * squared distance). A higher score is nearer.
   * @defaultValue `'cosine'`
   */
  metric?: Metric
  /**
   * Strings, or integers from 0 to 2^64 - 1.
   * @defaultValue `'string'`
   */
  ids?: 'string' | 'u64'
  /**
   * How vectors are kept. Only single precision yet.
   * @defaultValue `'f32'`
   */
  tier?: 'f32'
  /**
   * How they are searched. Only by comparing with every one yet, which is exact.
   * @defaultValue `'flat'`
   */
  backend?: 'auto' | 'flat'
}
/** What an index is and holds. */
interface IndexInfo {
  /** Its name. */
  name: string
  /** Numbers of a vector. */
  dim: number
  /** How near two vectors are. */
  metric: Metric
  /** What its ids are. */
  ids: 'string' | 'u64'
  /** How vectors are kept. */
  tier: string
  /** How they are searched. */
  backend: string
  /** How many vectors it holds. */
  vectors: number
  /** Bytes of memory that they take. */
  memoryBytes: number
}
/** A vector that was found. */
interface Hit<Id extends VectorId = VectorId> {
  /** Its id. */
  id: Id
  /** Higher is nearer. */
  score: number
}
/** Options of a search. */
interface SearchOptions {
  /**
   * How many hits are wanted at most, up to 10,000.
   * @defaultValue 10
   */
  k?: number
  /** Leave out hits that are further away than this. */
  minScore?: number
  /** Ids of an index of `ids: 'u64'` as bigint, exact beyond 2^53. */
  bigint?: boolean
}
/** The hits of several searches, one after the other. */
interface ManyHits<Id extends VectorId = VectorId> {
  /** Ids of the hits, nearest first for each search. */
  ids: Id[]
  /** Their scores. */
  scores: Float32Array
  /** The hits of search `n` are those from `offsets[n]` to `offsets[n + 1]`. */
  offsets: Uint32Array
}
/** Options of a write to an index. */
interface VectorWriteOptions {
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}
/** A vector index, made by {@link Database.index}. */
declare class VectorIndex<Id extends VectorId = VectorId> {
  #private
  /** Its name. */
  readonly name: string
  /** Numbers of a vector. */
  readonly dim: number
  /** How near two vectors are. */
  readonly metric: Metric
  private constructor()
  /**
   * Stores a vector, in place of the one with the same id.
   *
   * @example
   * ```ts
   * await docs.set('doc:1', embedding)
   * ```
   */
  set(id: Id, vector: Vector, options?: VectorWriteOptions): Promise<void>
  /** Stores several vectors, all or none: `vectors` has those of all ids, one after the other. */
  setMany(ids: readonly Id[], vectors: Vector, options?: VectorWriteOptions): Promise<void>
  /** The vector of an id, `null` when there is none. */
  get(id: Id): Promise<Float32Array | null>
  /** Deletes vectors and returns how many there were. */
  del(...ids: Id[]): Promise<number>
  /**
   * The nearest vectors, nearest first. Every write that was called before is seen.
   *
   * @example
   * ```ts
   * const hits = await docs.search(query, { k: 10 })
   * ```
   */
  search(query: Vector, options?: SearchOptions): Promise<Hit<Id>[]>
  /** Several searches at once: `queries` has their vectors, one after the other. */
  searchMany(queries: Vector, options?: SearchOptions): Promise<ManyHits<Id>>
  /** What the index is and holds. */
  info(): Promise<IndexInfo>
  /** Deletes the index with all its vectors. */
  drop(): Promise<void>
}

/** What is unsettled at a moment. */
interface Pressure {
  /** Calls that have not settled. */
  calls: number
  /** Bytes of keys and values in them. */
  bytes: number
}
/**
 * An open store, made by {@link open}.
 *
 * Keys and values are strings (their UTF-8 bytes) or `Uint8Array`s; methods that return a value have
 * a `...Buffer` twin that returns bytes. Every asynchronous method reports failure by rejecting with a
 * {@link SkegError}, also for wrong arguments. Calls take effect in the order in which they are made,
 * and arguments may be changed as soon as a call has returned.
 */
declare class Database implements AsyncDisposable {
  #private
  private constructor()
  /**
   * The value of a key as a string, `null` when there is none.
   *
   * @example
   * ```ts
   * const name = await db.get('user:1')
   * ```
   */
  get(key: Bytes): Promise<string | null>
  /** As {@link get}, as bytes. */
  getBuffer(key: Bytes): Promise<Buffer | null>
  /**
   * The value of a key, at once. Throws `ERR_WOULD_BLOCK` when it can't be had at once: while calls
   * of this thread are queued for its part of the store, or another thread is at work there.
   */
  getSync(key: Bytes): string | null
  /** As {@link getSync}, as bytes. */
  getBufferSync(key: Bytes): Buffer | null
  /**
   * Sets the value of a key. Resolves, when the write is as safe as the store's `durability` or the
   * call's, with whether it was made: `false` only with `ifAbsent` and `ifPresent`.
   *
   * @example
   * ```ts
   * await db.set('session:42', token, { ttl: 60_000, durability: 'disk' })
   * ```
   */
  set(
    key: Bytes,
    value: Bytes,
    options: SetOptions & {
      GET: true
    },
  ): Promise<string | null>
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<boolean>
  /** Sets a key that must not be there: otherwise rejects with `ERR_KEY_EXISTS`. */
  insert(key: Bytes, value: Bytes, options?: SetOptions): Promise<void>
  /**
   * Sets a key that must hold the expected value: otherwise rejects with `ERR_CAS_MISMATCH`. The
   * deadline of the key stays.
   */
  cas(key: Bytes, expected: Bytes, value: Bytes): Promise<void>
  /**
   * Changes the value of a key by a function, atomically. The function gets the value (`null` without
   * key) and returns the new one: a string, `null` to delete the key, `undefined` to leave it as it
   * is. It may run more than once. The deadline of the key stays. Resolves with the new value.
   *
   * @example
   * ```ts
   * await db.update('visits', (count) => String(Number(count ?? 0) + 1))
   * ```
   */
  update(key: Bytes, change: Change, options?: WriteOptions): Promise<string | null>
  /** Deletes keys and returns how many there were. */
  del(...keys: Bytes[]): Promise<number>
  /** Whether there is such a key. */
  exists(key: Bytes): Promise<boolean>
  /**
   * Gives a key a deadline, in milliseconds from now; `null` takes it away. Resolves with whether
   * there is such a key (and, for `null`, whether it had a deadline).
   */
  setTtl(key: Bytes, ms: number | null): Promise<boolean>
  /** Milliseconds until the key expires; `null` when it has no deadline, or is not there. */
  getTtl(key: Bytes): Promise<number | null>
  /** The values of several keys at one moment; `null` for those that are not there. */
  getMany(keys: readonly Bytes[]): Promise<(string | null)[]>
  /** As {@link getMany}, as bytes. */
  getManyBuffer(keys: readonly Bytes[]): Promise<(Buffer | null)[]>
  /**
   * Sets several keys, all or none.
   *
   * @example
   * ```ts
   * await db.setMany([['a', '1'], ['b', '2']])
   * ```
   */
  setMany(
    entries: Iterable<readonly [key: Bytes, value: Bytes]>,
    options?: WriteOptions,
  ): Promise<void>
  /** Changes to be made together, without reading: see {@link Batch}. */
  batch(): Batch
  /**
   * Runs a callback as an optimistic transaction: what it changes is made when it has ended, all or
   * none, and only if nothing that it has read was changed meanwhile. Otherwise it runs again, 16
   * times at most; then `ERR_CONFLICT`. Resolves with what the callback returned.
   *
   * @example
   * ```ts
   * await db.transaction(async (tx) => {
   *   const balance = Number(await tx.get('balance'))
   *   tx.set('balance', String(balance - 10))
   *   tx.index('receipts').set('receipt:1', embedding)
   * })
   * ```
   */
  transaction<T>(
    run: (transaction: Transaction) => T | Promise<T>,
    options?: WriteOptions,
  ): Promise<T>
  /**
   * Walks over the keys, in no order. A key that is there during the whole walk is returned at least
   * once, and possibly twice; one that comes or goes meanwhile may be returned or not.
   *
   * @example
   * ```ts
   * for await (const key of db.scan({ match: 'user:*' })) console.log(key)
   * ```
   */
  scan(options?: ScanOptions): AsyncIterableIterator<string>
  /** As {@link scan}, as bytes. */
  scanBuffer(options?: ScanOptions): AsyncIterableIterator<Buffer>
  /**
   * Runs a command of the server. Commands about a connection (`MULTI`, `SELECT`, `SUBSCRIBE`, ...)
   * are refused: there is none.
   *
   * @example
   * ```ts
   * const length = await db.call('APPEND', 'log', 'line\n')
   * ```
   */
  call(command: string, ...args: (Bytes | number | bigint)[]): Promise<Reply>
  /** As {@link call}, with strings in the reply as bytes. */
  callBuffer(command: string, ...args: (Bytes | number | bigint)[]): Promise<Reply>
  /**
   * A vector index: with options it is created when it is missing; without, it must be there. Rejects
   * with `ERR_INDEX_MISMATCH` when it has other options.
   *
   * @example
   * ```ts
   * const docs = await db.index('docs', { dim: 384 })
   * ```
   */
  index(
    name: string,
    options: IndexOptions & {
      ids: 'u64'
    },
  ): Promise<VectorIndex<number | bigint>>
  index(
    name: string,
    options: IndexOptions & {
      ids?: 'string'
    },
  ): Promise<VectorIndex<string>>
  index(name: string, options?: IndexOptions): Promise<VectorIndex>
  /** Stores a vector: as {@link VectorIndex.set}, without a handle. */
  vset(index: string, id: VectorId, vector: Vector, options?: VectorWriteOptions): Promise<void>
  /** The vector of an id: as {@link VectorIndex.get}, without a handle. */
  vget(index: string, id: VectorId): Promise<Float32Array | null>
  /** Deletes vectors: as {@link VectorIndex.del}, without a handle. */
  vdel(index: string, ...ids: VectorId[]): Promise<number>
  /** The nearest vectors: as {@link VectorIndex.search}, without a handle. */
  vsearch(index: string, query: Vector, options?: SearchOptions): Promise<Hit[]>
  /**
   * Serves this very store to Redis clients, until the server or the store is closed. What they do
   * and what this program does is one history.
   *
   * @example
   * ```ts
   * const server = await db.listen({ port: 6379 })
   * ```
   */
  listen(options?: ListenOptions): Promise<Server>
  /**
   * Publishes a message; resolves with how many subscriptions it reaches, those of network clients
   * included. Those get it when what was written before is as safe as the store's `durability`;
   * subscribers in this process at once.
   */
  publish(channel: Bytes, message: Bytes): Promise<number>
  /**
   * Listens to channels, from the call on: an async iterator of messages, whoever publishes them. Leaving
   * the loop ends it. Throws at once for wrong arguments.
   *
   * @example
   * ```ts
   * const news = db.subscribe({ pattern: 'news.*' })
   * await db.publish('news.local', 'goodbye')
   * for await (const { channel, message } of news) {
   *   console.log(channel, message)
   *   if (message === 'goodbye') break
   * }
   * ```
   */
  subscribe(channels: Channels, options?: SubscribeOptions): Subscription
  /** As {@link subscribe}, with channels and messages as bytes. */
  subscribeBuffer(channels: Channels, options?: SubscribeOptions): Subscription<Buffer>
  /** Figures of the store. */
  stats(): Promise<Stats>
  /** Resolves when every call made before has taken effect and is on disk. */
  flush(): Promise<void>
  /**
   * Takes a snapshot of what every call made before has left, and resolves when it is on disk: opening
   * the store then reads the snapshot and no more of the log than what came after it. Snapshots are also
   * taken by themselves, when the log has outgrown the last one or as `snapshotEvery` says.
   */
  snapshot(): Promise<void>
  /** Resolves when every call made before has settled: what to wait for after `ERR_BUSY`. */
  drain(): Promise<void>
  /** What is unsettled now. */
  get pressure(): Pressure
  /**
   * Closes the store: calls made before settle, later ones reject with `ERR_CLOSED`. Other threads
   * of the process that have it open keep it. Closing again returns the same promise.
   */
  close(): Promise<void>
  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Where the `skeg` executable of this platform is: what `npx skeg` runs. Throws
 * `ERR_UNSUPPORTED_PLATFORM` when there is none.
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

/** Options of {@link serve}. */
interface ServeOptions {
  /** The data directory; without, the store is in memory only. */
  data?: string
  /**
   * TCP port; 0 takes any that is free.
   * @defaultValue 6379
   */
  port?: number
  /**
   * Address to listen on.
   * @defaultValue `'127.0.0.1'`
   */
  host?: string
  /**
   * Print what the server prints.
   * @defaultValue `false`
   */
  verbose?: boolean
}
/** A server process, started by {@link serve}. */
declare class StandaloneServer implements AsyncDisposable {
  #private
  /** The address that it listens on. */
  readonly host: string
  /** The TCP port that it listens on. */
  readonly port: number
  /** The number of its process. */
  readonly pid: number
  private constructor()
  /** Ends the server: what clients have begun is finished and written. */
  close(): Promise<void>
  /** Ends the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * Starts the native server in a process of its own and waits until clients can connect.
 *
 * @example
 * ```ts
 * const server = await serve({ data: './data', port: 6379 })
 * // ... until it is closed, it goes on, also when this program ends
 * await server.close()
 * ```
 */
declare function serve(options?: ServeOptions): Promise<StandaloneServer>

/**
 * skeg: a durable key-value and vector store for Node.
 *
 * @packageDocumentation
 */

/** The version of this package. */
declare const version: string

export {
  Batch,
  Database,
  Server,
  SkegError,
  StandaloneServer,
  Subscription,
  Transaction,
  VectorIndex,
  executablePath,
  open,
  serve,
  version,
}
export type {
  Bytes,
  Change,
  ChangeOptions,
  Channels,
  Durability,
  ErrorCode,
  Hit,
  IndexInfo,
  IndexOptions,
  ListenOptions,
  ManyHits,
  MemoryOptions,
  Message,
  Metric,
  OpenOptions,
  Patterns,
  Pressure,
  Reply,
  ScanOptions,
  SearchOptions,
  ServeOptions,
  SetOptions,
  SnapshotEvery,
  Stats,
  SubscribeOptions,
  TransactionIndex,
  Vector,
  VectorId,
  VectorWriteOptions,
  WriteOptions,
}
