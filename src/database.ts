// An open store. Its methods check and convert what they are given; what they do is the engine's.

import { backupWords, readBackup, type Backup, type BackupOptions } from './backup.ts'
import { Batch, writeLevel, type WriteOptions } from './batch.ts'
import { MODE_BYTES, MODE_LOCAL, MODE_SYNC } from './binding.ts'
import { attempt, rejected, sizeOf, type Bytes, type Vector, type VectorId } from './bytes.ts'
import { SkegError } from './errors.ts'
import { Events, type DatabaseEvents } from './events.ts'
import { Commands } from './generated/commands.ts'
import { aborted, type Lane } from './lane.ts'
import { checkIterable, checkList, expected, signalOf } from './options.ts'
import { readCall, type CallArguments, type Reply } from './reply.ts'
import { readScanOptions, scanKeys, type ScanOptions } from './scan.ts'
import {
  deadlineWords,
  milliseconds,
  readSetOptions,
  type SetOptions,
  type SetRequest,
} from './set-options.ts'
import type { ListenOptions, Server } from './server.ts'
import { readStats, type Stats } from './stats.ts'
import { Subscription, type Channels, type SubscribeOptions } from './subscription.ts'
import { transact, type Transaction } from './transaction.ts'
import { Updates, type Change } from './update.ts'
import { ValueStream, type GetStreamOptions } from './value-stream.ts'
import { writeStream, type SetStreamOptions, type ValueSource } from './value-writer.ts'
import {
  checkSame,
  createWords,
  idReader,
  readInfo,
  VectorIndex,
  type Hit,
  type IndexInfo,
  type IndexOptions,
  type SearchOptions,
  type VectorWriteOptions,
} from './vector-index.ts'

/** What is unsettled at a moment. */
export interface Pressure {
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
export class Database extends Commands implements AsyncDisposable {
  readonly #lane: Lane
  readonly #updates: Updates
  readonly #events: Events
  #closing: Promise<void> | undefined

  private constructor(lane: Lane) {
    super((words, mode, convert, wait) => {
      if (wait === undefined) return lane.write(words, mode, { convert })
      return attempt(() => {
        // First what is wrong with the arguments, as without a signal.
        const [all, signal] = [words(), signalOf(wait.signal)]
        if (signal?.aborted === true) throw aborted(signal)
        return lane.write(() => all, mode, { convert, signal })
      })
    })
    this.#lane = lane
    this.#updates = new Updates(lane)
    this.#events = new Events(lane)
  }

  /** @internal */
  static create(lane: Lane): Database {
    return new Database(lane)
  }

  /**
   * The value of a key as a string, `null` when there is none.
   *
   * @example
   * ```ts
   * const name = await db.get('user:1')
   * ```
   */
  get(key: Bytes): Promise<string | null> {
    const { environment, handle } = this.#lane
    const value = environment.binding.get(handle, key, 0)
    if (typeof value === 'string' || value === null) return environment.ready(value)
    return this.#later(value as number | undefined)
  }

  /** As {@link get}, as bytes. */
  getBuffer(key: Bytes): Promise<Buffer | null> {
    const { environment, handle } = this.#lane
    const value = environment.binding.get(handle, key, MODE_BYTES)
    if (typeof value === 'object') return environment.ready(value)
    return this.#later(value as number | undefined)
  }

  /**
   * The value of a key, at once. Throws `ERR_WOULD_BLOCK` when it can't be had at once: while calls
   * of this thread are queued for its part of the store, or another thread is at work there.
   */
  getSync(key: Bytes): string | null {
    const { environment, handle } = this.#lane
    const value = environment.binding.get(handle, key, MODE_SYNC)
    if (typeof value === 'string' || value === null) return value
    throw environment.failure()
  }

  /** As {@link getSync}, as bytes. */
  getBufferSync(key: Bytes): Buffer | null {
    const { environment, handle } = this.#lane
    const value = environment.binding.get(handle, key, MODE_SYNC | MODE_BYTES)
    if (typeof value === 'object') return value
    throw environment.failure()
  }

  /**
   * The value of a key as a stream of bytes, `null` when there is none: for values that are not to be held in memory
   * whole. What the stream gives is the value of the moment of the call, also when the key is changed or deleted
   * meanwhile; no byte of a damaged value is given (`ERR_CORRUPT`). A value that the store has in memory only,
   * because it was changed in place or just now written, is not copied: when its key is changed, the
   * stream is destroyed with `ERR_CONFLICT`.
   *
   * @example
   * ```ts
   * const video = await db.getStream('video:1', { start: 0, end: 65_536 })
   * if (video !== null) for await (const bytes of video) console.log(bytes.length, 'of', video.size)
   * ```
   */
  getStream(key: Bytes, options: GetStreamOptions = {}): Promise<ValueStream | null> {
    return attempt(() => ValueStream.begin(this.#lane, key, options))
  }

  /**
   * Sets the value of a key. Resolves, when the write is as safe as the store's `durability` or the
   * call's, with whether it was made: `false` only with `ifAbsent` and `ifPresent`.
   *
   * @example
   * ```ts
   * await db.set('session:42', token, { ttl: 60_000, durability: 'disk' })
   * ```
   */
  set(key: Bytes, value: Bytes, options: SetOptions & { GET: true }): Promise<string | null>
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<boolean>
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<boolean | string | null> {
    if (options !== undefined) return this.#setWith(key, value, options)
    return this.#set(key, value, 0, 0, this.#lane.options.level)
  }

  /**
   * Sets the value of a key to the pieces that a source gives, one after the other: for values that are not to be held
   * in memory whole. The store takes a piece when it has written those before, so the process holds a few MiB, however
   * long the value is. The key keeps what it holds until the last piece is on the disk, then it changes at once; when the
   * source fails or the call is called off, it stays as it is and nothing is left. Resolves as {@link set} does. A
   * value of up to 1 MiB, and one of a store in memory, is gathered and set.
   *
   * @example
   * ```ts
   * await db.setStream('video:1', createReadStream('video.mp4'), { ttl: 86_400_000 })
   * ```
   */
  setStream(key: Bytes, source: ValueSource, options: SetStreamOptions = {}): Promise<boolean> {
    return writeStream(
      this.#lane,
      key,
      source,
      options,
      (value, request) => this.#setAs(key, value, request) as Promise<boolean>,
    )
  }

  #setWith(key: Bytes, value: Bytes, options: SetOptions): Promise<boolean | string | null> {
    return attempt(() => this.#setAs(key, value, readSetOptions(options, this.#lane.options.level)))
  }

  #setAs(key: Bytes, value: Bytes, request: SetRequest): Promise<boolean | string | null> {
    return attempt<boolean | string | null>(() => {
      const { deadline, ms, level, ifAbsent, ifPresent, returnsOld } = request
      if (!ifAbsent && !ifPresent && !returnsOld) {
        return this.#set(key, value, deadline, ms, level)
      }
      const words = deadlineWords(deadline, ms)
      if (ifAbsent) words.push('NX')
      if (ifPresent) words.push('XX')
      if (returnsOld) words.push('GET')
      const convert = (reply: unknown): boolean | string | null =>
        returnsOld ? (reply as string | null) : reply !== null
      return this.#lane.write(() => ['SET', key, value, ...words], MODE_LOCAL, { level, convert })
    })
  }

  #set(key: Bytes, value: Bytes, deadline: number, ms: number, level: number): Promise<boolean> {
    const { environment, handle } = this.#lane
    const bytes = sizeOf(key) + sizeOf(value)
    try {
      this.#lane.checkPressure(bytes)
    } catch (error) {
      return rejected(error)
    }
    const epoch = environment.binding.set(handle, key, value, deadline, ms)
    if (epoch === undefined) return Promise.reject(environment.failure())
    if (epoch >= 0) return this.#lane.wait(epoch, level, bytes)
    return this.#lane.request(-epoch, (_, written) => this.#lane.wait(written, level, bytes), bytes)
  }

  /** Sets a key that must not be there: otherwise rejects with `ERR_KEY_EXISTS`. */
  insert(key: Bytes, value: Bytes, options: Omit<SetOptions, 'GET'> = {}): Promise<void> {
    return attempt(async () => {
      if ('GET' in options) throw expected('GET', 'left out: there is no value before')
      const stored = await this.#setWith(key, value, { ...options, ifAbsent: true })
      if (stored !== true) throw new SkegError('ERR_KEY_EXISTS', 'the key is there already')
    })
  }

  /**
   * Sets a key that must hold the expected value: otherwise rejects with `ERR_CAS_MISMATCH`. The
   * deadline of the key stays.
   */
  cas(key: Bytes, expected: Bytes, value: Bytes): Promise<void> {
    return this.#lane.write(() => ['SKEG.CAS', key, expected, value], MODE_LOCAL, {
      convert: () => undefined,
    })
  }

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
  update(key: Bytes, change: Change, options: WriteOptions = {}): Promise<string | null> {
    return attempt(() => {
      if (typeof change !== 'function') throw expected('change', 'a function')
      return this.#updates.run(key, change, writeLevel(options, this.#lane.options.level))
    })
  }

  /** Deletes keys and returns how many there were. */
  del(...keys: Bytes[]): Promise<number> {
    if (keys.length === 0) return Promise.resolve(0)
    return this.#lane.write(() => ['DEL', ...keys], modeOf(keys), { convert: Number })
  }

  /** Whether there is such a key. */
  exists(key: Bytes): Promise<boolean> {
    return this.#lane.command(['EXISTS', key], MODE_LOCAL, { convert: Boolean })
  }

  /**
   * Gives a key a deadline, in milliseconds from now; `null` takes it away. Resolves with whether
   * there is such a key (and, for `null`, whether it had a deadline).
   */
  setTtl(key: Bytes, ms: number | null): Promise<boolean> {
    return attempt(() => {
      const words =
        ms === null ? ['PERSIST', key] : ['PEXPIRE', key, String(milliseconds('ms', ms))]
      return this.#lane.write(() => words, MODE_LOCAL, { convert: Boolean })
    })
  }

  /** Milliseconds until the key expires; `null` when it has no deadline, or is not there. */
  getTtl(key: Bytes): Promise<number | null> {
    return this.#lane.command(['PTTL', key], MODE_LOCAL, {
      convert: (reply) => ((reply as number) < 0 ? null : (reply as number)),
    })
  }

  /** The values of several keys at one moment; `null` for those that are not there. */
  getMany(keys: readonly Bytes[]): Promise<(string | null)[]> {
    return this.#getMany(keys, 0)
  }

  /** As {@link getMany}, as bytes. */
  getManyBuffer(keys: readonly Bytes[]): Promise<(Buffer | null)[]> {
    return this.#getMany(keys, MODE_BYTES)
  }

  #getMany<T>(keys: readonly Bytes[], mode: number): Promise<T[]> {
    return attempt(() => {
      checkList('keys', keys)
      if (keys.length === 0) return Promise.resolve([])
      return this.#lane.command<T[]>(['MGET', ...keys], modeOf(keys) | mode)
    })
  }

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
    options: WriteOptions = {},
  ): Promise<void> {
    return attempt(() => {
      const level = writeLevel(options, this.#lane.options.level)
      const words: Bytes[] = ['MSET']
      checkIterable('entries', entries)
      for (const entry of entries) {
        checkList('an entry', entry)
        words.push(entry[0], entry[1])
      }
      if (words.length === 1) return Promise.resolve()
      return this.#lane.write(() => words, 0, { level, convert: () => undefined })
    })
  }

  /** Changes to be made together, without reading: see {@link Batch}. */
  batch(): Batch {
    return Batch.create(this.#lane)
  }

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
    options: WriteOptions = {},
  ): Promise<T> {
    if (typeof run !== 'function') return Promise.reject(expected('run', 'a function'))
    return attempt(() => transact(this.#lane, run, writeLevel(options, this.#lane.options.level)))
  }

  /**
   * Walks over the keys, in no order. A key that is there during the whole walk is returned at least
   * once, and possibly twice; one that comes or goes meanwhile may be returned or not.
   *
   * @example
   * ```ts
   * for await (const key of db.scan({ match: 'user:*' })) console.log(key)
   * ```
   */
  scan(options: ScanOptions = {}): AsyncIterableIterator<string> {
    return scanKeys<string>(this.#lane, readScanOptions(options), 0)
  }

  /** As {@link scan}, as bytes. */
  scanBuffer(options: ScanOptions = {}): AsyncIterableIterator<Buffer> {
    return scanKeys<Buffer>(this.#lane, readScanOptions(options), MODE_BYTES)
  }

  /**
   * Runs a command of the server. Commands about a connection (`MULTI`, `SELECT`, `SUBSCRIBE`, ...)
   * are refused: there is none.
   *
   * @example
   * ```ts
   * const length = await db.call('APPEND', 'log', 'line\n')
   * ```
   *
   * Commands that wait (`BLPOP` and the like) settle when they are served or their time is up, and
   * hold nothing up meanwhile. A signal, given in options behind the arguments, gives the place up:
   * nothing is taken from the key for a call that rejects.
   *
   * @example
   * ```ts
   * const { signal } = new AbortController()
   * await db.call('RPUSH', 'jobs', 'first')
   * const job = await db.call('BLPOP', 'jobs', 0, { signal })
   * ```
   */
  call(command: string, ...args: CallArguments): Promise<Reply> {
    return this.#call(command, args, 0)
  }

  /** As {@link call}, with strings in the reply as bytes. */
  callBuffer(command: string, ...args: CallArguments): Promise<Reply> {
    return this.#call(command, args, MODE_BYTES)
  }

  #call(command: string, args: CallArguments, mode: number): Promise<Reply> {
    return attempt(() => {
      const { words, signal } = readCall(command, args)
      if (signal?.aborted === true) throw aborted(signal)
      return this.#lane.write<Reply>(() => words, mode, { signal })
    })
  }

  /**
   * A vector index: with options it is created when it is missing; without, it must be there. Rejects
   * with `ERR_INDEX_MISMATCH` when it has other options.
   *
   * @example
   * ```ts
   * const docs = await db.index('docs', { dim: 384 })
   * ```
   */
  index(name: string, options: IndexOptions & { ids: 'u64' }): Promise<VectorIndex<number | bigint>>
  index(name: string, options: IndexOptions & { ids?: 'string' }): Promise<VectorIndex<string>>
  index(name: string, options?: IndexOptions): Promise<VectorIndex>
  async index(name: string, options?: IndexOptions): Promise<VectorIndex> {
    if (options === undefined) return VectorIndex.create(this.#lane, await this.#describe(name))
    const words = createWords(name, options)
    // Looked at first: a store that is open read-only has indexes, too.
    let info = await this.#describe(name).catch((error: unknown) => {
      if (error instanceof SkegError && error.code === 'ERR_NOT_FOUND') return undefined
      throw error
    })
    if (info === undefined) {
      await this.#lane.write(() => words, MODE_LOCAL)
      info = await this.#describe(name)
    }
    checkSame(info, options)
    return VectorIndex.create(this.#lane, info)
  }

  #describe(name: string): Promise<IndexInfo> {
    return this.#lane.command(['SKEG.VINDEX.INFO', name], MODE_LOCAL, { convert: readInfo })
  }

  /** Stores a vector: as {@link VectorIndex.set}, without a handle. */
  vset(index: string, id: VectorId, vector: Vector, options?: VectorWriteOptions): Promise<void> {
    return VectorIndex.named(this.#lane, index).set(id, vector, options)
  }

  /** The vector of an id: as {@link VectorIndex.get}, without a handle. */
  vget(index: string, id: VectorId): Promise<Float32Array | null> {
    return VectorIndex.named(this.#lane, index).get(id)
  }

  /** Deletes vectors: as {@link VectorIndex.del}, without a handle. */
  vdel(index: string, ...ids: VectorId[]): Promise<number> {
    return VectorIndex.named(this.#lane, index).del(...ids)
  }

  /** The nearest vectors: as {@link VectorIndex.search}, without a handle. */
  async vsearch(index: string, query: Vector, options: SearchOptions = {}): Promise<Hit[]> {
    // Called together: the search is of this moment, and what ids there are is known when it ends.
    const [hits, { ids }] = await Promise.all([
      VectorIndex.named(this.#lane, index).search(query, options),
      this.#lane.command(['SKEG.VINDEX.INFO', index], MODE_LOCAL, { convert: readInfo }),
    ])
    const readId = idReader(ids === 'u64', options.bigint === true)
    return hits.map(({ id, score }) => ({ id: readId(String(id)), score }))
  }

  /**
   * Serves this very store to Redis clients, until the server or the store is closed. What they do
   * and what this program does is one history.
   *
   * @example
   * ```ts
   * const server = await db.listen({ port: 6379 })
   * ```
   */
  listen(options: ListenOptions = {}): Promise<Server> {
    return this.#lane.listen(options)
  }

  /**
   * Publishes a message; resolves with how many subscriptions it reaches, those of network clients
   * included. Those get it when what was written before is as safe as the store's `durability`;
   * subscribers in this process at once.
   */
  publish(channel: Bytes, message: Bytes): Promise<number> {
    return this.#lane.write(() => ['PUBLISH', channel, message], 0, { convert: Number })
  }

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
  subscribe(channels: Channels, options: SubscribeOptions = {}): Subscription {
    return Subscription.create(this.#lane, channels, options, false)
  }

  /** As {@link subscribe}, with channels and messages as bytes. */
  subscribeBuffer(channels: Channels, options: SubscribeOptions = {}): Subscription<Buffer> {
    return Subscription.create(this.#lane, channels, options, true)
  }

  /** Figures of the store. */
  stats(): Promise<Stats> {
    return this.#lane.command(['SKEG.STATS'], 0, { convert: readStats })
  }

  /**
   * Resolves when every call made before has taken effect and is on disk, but for those that wait for
   * a key.
   */
  flush(): Promise<void> {
    return this.#lane.flush()
  }

  /**
   * Takes a snapshot of what every call made before has left, and resolves when it is on disk: opening
   * the store then reads the snapshot and no more of the log than what came after it. Snapshots are also
   * taken by themselves, when the log is half as large as the last one or as `snapshotEvery` says.
   */
  snapshot(): Promise<void> {
    return this.#lane.command(['SAVE'], MODE_LOCAL, { convert: () => undefined })
  }

  /**
   * Copies what every call made before has left into a directory, while the store is used, and resolves
   * when the copy is on disk. The directory must be empty or absent, or hold an earlier backup of this
   * store that nobody has opened since: then only what is new is copied, and until that is done it stays
   * what it was. `skeg check` verifies a backup, `skeg restore` puts one back.
   *
   * @example
   * ```ts
   * const db = await open('./data')
   * await db.backup('./data-backup')
   * await db.close()
   * ```
   */
  backup(directory: string, options?: BackupOptions): Promise<Backup> {
    return attempt(() => {
      return this.#lane.command(backupWords(directory, options), MODE_LOCAL, {
        convert: readBackup,
      })
    })
  }

  /**
   * Resolves when every call made before has settled, but for those that wait for a key: what to wait
   * for after `ERR_BUSY`.
   */
  drain(): Promise<void> {
    return this.#lane.drain()
  }

  /** What is unsettled now. */
  get pressure(): Pressure {
    return { calls: this.#lane.pendingCalls, bytes: this.#lane.pendingBytes }
  }

  /**
   * Has a listener called when something happens to the store while nobody calls it. Without one nothing
   * is lost: calls tell the same.
   *
   * @example
   * ```ts
   * const db = await open('./data')
   * db.on('error', (error) => console.error(error.code, error.message)) // a disk that fails
   * await db.close()
   * ```
   */
  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (...args: DatabaseEvents[E]) => void,
  ): this {
    this.#events.on(event, listener)
    return this
  }

  /** Ends what {@link on} has begun for this listener. */
  off<E extends keyof DatabaseEvents>(
    event: E,
    listener: (...args: DatabaseEvents[E]) => void,
  ): this {
    this.#events.off(event, listener)
    return this
  }

  /**
   * Closes the store: calls made before settle, later ones reject with `ERR_CLOSED`, and so do those
   * that wait for a key. Other threads
   * of the process that have it open keep it. Closing again returns the same promise.
   */
  close(): Promise<void> {
    this.#events.close()
    this.#closing ??= this.#lane.close()
    return this.#closing
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The promise of a read that could not be answered at once. */
  #later<T>(request: number | undefined): Promise<T> {
    if (request === undefined) return Promise.reject(this.#lane.environment.failure())
    return this.#lane.request(request, (value) => value as T)
  }
}

/** One key is on one shard; several may be on several. */
function modeOf(keys: readonly Bytes[]): number {
  return keys.length === 1 ? MODE_LOCAL : 0
}
