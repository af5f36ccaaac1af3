// The native addon as TypeScript sees it. Its functions report failure by returning `undefined`:
// `failure()` then has the code and the message.

/** A request that ends later has a number; so has an open store. */
export type RequestId = number
export type Handle = number

/** Mode bits: strings as Buffers; now or never; all keys of a command are on one shard; watch without reading. */
export const MODE_BYTES = 1
export const MODE_SYNC = 2
export const MODE_LOCAL = 4
export const MODE_UNREAD = 8

/** What `set` does to the deadline of the key. */
export const DEADLINE_CLEAR = 0
export const DEADLINE_KEEP = 1
export const DEADLINE_IN = 2
export const DEADLINE_AT = 3

/** Kinds of changes in the list of `commit`: kind, then four more values for each. */
export const CHANGE_SET = 0
export const CHANGE_REMOVE = 1
export const CHANGE_EXPIRE = 2
export const CHANGE_VECTOR_SET = 3
export const CHANGE_VECTOR_REMOVE = 4
export const CHANGE_COMMAND = 5

/** What `open` opens. */
export const TARGET_DIRECTORY = 0
export const TARGET_NAMED = 1
export const TARGET_PRIVATE = 2

/** What `submit` returns: all of it will be told; some of it is there already; some never comes. */
export const WAITING = 0
export const REACHED = 1
export const NEVER = 2

/** States of what `collect` returns that are no epochs: it failed; it waits for keys, and ends later. */
export const FAILED = -1
export const BLOCKED = -2

/** Flags of `open`; above them are the number of the eviction policy, and how keys are grouped. */
export const OPEN_READ_ONLY = 1
export const OPEN_CREATE = 2
export const OPEN_EVICTION_SHIFT = 2
export const OPEN_GROUPING_SHIFT = 8

/** The functions of the addon for one environment. */
export interface Binding {
  open(
    target: number,
    name: string,
    shards: number,
    level: number,
    flags: number,
    snapshotMs: number,
    snapshotWrites: number,
    inlineMax: number,
    cacheBytes: number,
    memoryMax: number,
    keepSnapshots: number,
  ): RequestId | undefined
  /** What opening has found damaged and done without. */
  damage(handle: Handle): string | null | undefined
  close(handle: Handle): RequestId | undefined
  /**
   * `request, state, value` triples; the state is an epoch, or {@link FAILED} with `[code, message]` as
   * value, or {@link BLOCKED}.
   */
  collect(most: number): unknown[]
  failure(): [code: string, message: string, reply?: unknown]
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
  /** The reply; `undefined` when it failed or comes later, which `ended` tells. */
  command(handle: Handle, mode: number, args: readonly unknown[]): unknown
  /**
   * Has a command end with an error, if it waits for keys or would have to; request 0: every command,
   * those to come as well.
   */
  callOff(handle: Handle, request: RequestId): undefined
  /** Reads as `get` (unless the mode says not to), and notices from then on when the key changes. */
  watch(handle: Handle, transaction: number, key: unknown, mode: number): unknown
  /** Begins to read a value part by part: its number and how many bytes it has; `null` without key. */
  beginReading(handle: Handle, key: unknown): unknown
  /** Ends with bytes of the value from `start` on, no more than so many. */
  readPart(handle: Handle, reading: number, start: number, bytes: number): RequestId | undefined
  /** The reading is over. */
  endReading(handle: Handle, reading: number): undefined
  /** Begins to write a value in parts: its number; `null` when there is no disk to write it to. */
  beginWriting(handle: Handle, key: unknown): number | null | undefined
  /** Writes the next part; the one before must have ended. */
  writePart(handle: Handle, writing: number, part: Uint8Array): RequestId | undefined
  /** Ends when all of the value is on the disk. */
  endWriting(handle: Handle, writing: number): RequestId | undefined
  /**
   * Gives the value to its key: in any case (condition 0), if that is not there (1), if it is (2). Whether it did;
   * `ended` tells.
   */
  setWritten(
    handle: Handle,
    writing: number,
    key: unknown,
    deadline: number,
    ms: number,
    condition: number,
  ): unknown
  /** The value is not to be had any more: what there is of it is removed. */
  giveUpWriting(handle: Handle, writing: number): undefined
  /** Makes the changes, all or none, unless something that was watched has changed. */
  commit(handle: Handle, transaction: number, changes: readonly unknown[]): undefined
  /** The transaction is over. */
  release(handle: Handle, transaction: number): undefined
  /**
   * How the last of these calls ended: the epoch that it wrote (0: none), the negative number of
   * its request when it has not ended, NaN when it failed.
   */
  ended(): number
  /** Listens to channels (kind 0) or patterns (1); returns the number of the subscription. */
  subscribe(handle: Handle, kind: number, names: readonly unknown[]): number | undefined
  /** The oldest messages: `channel, payload, pattern` triples; the pattern is `null` for channels. */
  messages(handle: Handle, subscription: number, mode: number, most: number): unknown[] | undefined
  /** The subscription is over. */
  unsubscribe(handle: Handle, subscription: number): undefined
  /** Serves the store; ends with `[server, host, port, socket]`. */
  listen(
    handle: Handle,
    host: string,
    port: number,
    socket: string,
    clients: number,
  ): RequestId | undefined
  stop(server: number): RequestId | undefined
  /** Asks to be woken when these epochs (0: none) are reached, and has written what is unwritten. */
  submit(handle: Handle, kernel: number, disk: number): number | undefined
  reached(
    handle: Handle,
  ): [kernel: number, disk: number, last: number, failed: string | null] | undefined
}

/** What the addon exports. */
export interface Addon {
  attach(onWake: () => void): Binding
}
