// Generated from src/ by `npm run surface`. Its diff is the diff of the public interface.

import { Readable } from 'node:stream'

/** A key or a value: a string stands for its UTF-8 bytes. */
type Bytes = string | Uint8Array
/** The numbers of a vector; they are stored in single precision. */
type Vector = Float32Array | readonly number[]
/** The id of a vector: a string, or for an index of `ids: 'u64'` an integer that is not negative. */
type VectorId = string | number | bigint

/** A member of a sorted set. */
interface Scored<V> {
  /** The member. */
  value: V
  /** Its score. */
  score: number
}
/** A field of a hash. */
interface Entry<V> {
  /** The field. */
  field: V
  /** Its value. */
  value: V
}
/** Where two strings are alike. */
interface LcsMatches<Length extends number[] = []> {
  /** Ranges of both, from the last to the first. */
  matches: [first: [start: number, end: number], second: [start: number, end: number], ...Length][]
  /** How many bytes are alike. */
  len: number
}
/** The rank of a member of a sorted set, and its score. */
interface Ranked {
  /** How many members come before it. */
  rank: number
  /** Its score. */
  score: number
}
/** What was popped from the first list that had any. */
interface PoppedElement<V> {
  /** Its key. */
  key: V
  /** The element that is gone. */
  element: V
}
/** The member that was popped from the first sorted set that had any. */
interface PoppedMember<V> extends Scored<V> {
  /** Its key. */
  key: V
}
/** What was popped from the first sorted set that had any. */
interface PoppedMembers<V> {
  /** Its key. */
  key: V
  /** Its members that are gone. */
  members: Scored<V>[]
}
/** A step of a walk over a hash. */
interface HashStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Fields and their values. */
  entries: Entry<V>[]
}
/** A step of a walk over a set. */
interface SetStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Members. */
  members: V[]
}
/** A step of a walk over a sorted set. */
interface SortedSetStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Members and their scores. */
  members: Scored<V>[]
}

/** Fields of a hash and their values: one pair, an object, a `Map`, or pairs in an array. */
type Fields =
  | [field: Bytes | number, value: Bytes | number]
  | [
      fields:
        | Record<string, Bytes | number>
        | ReadonlyMap<Bytes | number, Bytes | number>
        | readonly (readonly [field: Bytes | number, value: Bytes | number])[]
        | readonly (Bytes | number)[],
    ]
/** Keys and their values: an object, or pairs in an array. */
type Entries =
  Record<string, Bytes> | readonly (readonly [key: Bytes, value: Bytes])[] | readonly Bytes[]
/** A sorted set (or set) to be combined with others, whose scores count so many times. */
interface WeightedKey {
  /** The key. */
  key: Bytes
  /** What its scores are multiplied by. */
  weight: number
}
/** Sets to be combined: keys alone, or all of them with weights. */
type WeightedKeys = Bytes | WeightedKey | readonly Bytes[] | readonly WeightedKey[]
/** The type of an integer within a string: `i` (with a sign) or `u`, and how many bits it has; at most 64 and 63. */
type BitFieldEncoding = `${'i' | 'u'}${number}`
/** An integer within a string. */
interface BitField {
  /** Its type. */
  encoding: BitFieldEncoding
  /** Its first bit; behind a `#` a number of such integers. */
  offset: number | string
}
/** Returns an integer within a string. */
interface BitFieldGet extends BitField {
  /** This one. */
  operation: 'GET'
}
/** Sets an integer within a string, and returns what it was. */
interface BitFieldSet extends BitField {
  /** This one. */
  operation: 'SET'
  /** What it becomes. */
  value: number | bigint
}
/** Adds to an integer within a string, and returns what it is then. */
interface BitFieldIncrBy extends BitField {
  /** This one. */
  operation: 'INCRBY'
  /** What is added. */
  increment: number | bigint
}
/** What becomes of results of the operations behind it that do not fit. */
interface BitFieldOverflow {
  /** This one. */
  operation: 'OVERFLOW'
  /** Their low bits, the nearest that fits, or no change and null. */
  behavior: 'WRAP' | 'SAT' | 'FAIL'
}
/** What {@link Commands.bitField} does, in order. */
type BitFieldOperation = BitFieldGet | BitFieldSet | BitFieldIncrBy | BitFieldOverflow

/** How to make a backup. */
interface BackupOptions {
  /**
   * Write every byte again. Otherwise files that never change any more get a second name (a hard link)
   * where the file system can do that: no time, no space, and no second place on the disk.
   *
   * @defaultValue `false`
   */
  copy?: boolean
}
/** What a backup consists of. */
interface Backup {
  /** Files. */
  files: number
  /** Bytes of them. */
  bytes: number
  /** Files that are the same as in the store, under a second name. */
  linked: number
  /** Files that the earlier backup had already. */
  reused: number
}

/** The deadline of a key that a batch or transaction sets. */
interface ChangeOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires: a date, or Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; otherwise the key loses it. */
  keepTtl?: boolean
}

/** Part of what there is: `count` elements behind the first `offset`. */
interface Limit {
  /** How many to leave out. */
  offset: number
  /** How many at most; all of them when it is negative. */
  count: number
}
/** Part of a string for {@link Commands.bitCount}; negative numbers count from the end. */
interface BitCountOptions {
  /** The first byte, or bit. */
  start: number
  /** The last. */
  end: number
  /** What is counted; bytes by default. */
  mode?: 'BYTE' | 'BIT'
}
/** Options of {@link Commands.copy}. */
interface CopyOptions {
  /** Overwrite what the destination holds. */
  REPLACE?: boolean
}
/** Options of commands that pop from the first of several keys. */
interface CountOptions {
  /** How many elements at most; one by default. */
  COUNT?: number
}
/** Options of commands that wait. */
interface WaitOptions {
  /** Calls the command off while it waits: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal
}
/** Options of commands that wait, and pop from the first of several keys. */
interface WaitCountOptions extends CountOptions, WaitOptions {}
/** Options of {@link Commands.getEx}: what becomes of the deadline of the key. One of them. */
type GetExOptions =
  | {
      /** Seconds until it expires. */
      EX: number
    }
  | {
      /** Milliseconds until it expires. */
      PX: number
    }
  | {
      /** When it expires, in Unix seconds. */
      EXAT: number | Date
    }
  | {
      /** When it expires, in Unix milliseconds. */
      PXAT: number | Date
    }
  | {
      /** It does not expire. */
      PERSIST: true
    }
  | {
      /** The name of one of the others. */
      type: 'EX' | 'PX' | 'EXAT' | 'PXAT'
      /** What it would have. */
      value: number | Date
    }
  | {
      /** As `PERSIST: true`. */
      type: 'PERSIST'
    }
/** Options of {@link Commands.lcsIdx}. */
interface LcsOptions {
  /** Leave out shorter matches. */
  MINMATCHLEN?: number
}
/** Options of {@link Commands.lPos}. */
interface LPosOptions {
  /** Start with the match of this number; from the tail when it is negative. */
  RANK?: number
  /** Compare so many elements at most. */
  MAXLEN?: number
}
/** Options of commands that count what several sets have in common. */
interface LimitOptions {
  /** Stop counting there. */
  LIMIT?: number
}
/** Options of commands that return part of a range. */
interface LimitedOptions {
  /** Which part. */
  LIMIT?: Limit
}
/** Options of {@link Commands.restore}. */
interface RestoreOptions {
  /** Overwrite what the key holds. */
  REPLACE?: boolean
  /** The deadline is a time in Unix milliseconds. */
  ABSTTL?: boolean
  /** Seconds since it was used last. */
  IDLETIME?: number
  /** How often it was used. */
  FREQ?: number
}
/** Options of {@link Commands.memoryUsage}. */
interface SamplesOptions {
  /** How many elements of a collection to look at. */
  SAMPLES?: number
}
/** Options of commands that walk over a collection in steps. */
interface StepOptions {
  /** Only what matches this pattern. */
  MATCH?: string
  /** About how many elements a step looks at. */
  COUNT?: number
}
/** Options of {@link Commands.sort}. */
interface SortOptions {
  /** Sort by what the keys of this pattern hold, `*` standing for the element. */
  BY?: Bytes
  /** Which part of the result. */
  LIMIT?: Limit
  /** Return what the keys of these patterns hold. */
  GET?: Bytes | readonly Bytes[]
  /** Ascending by default. */
  DIRECTION?: 'ASC' | 'DESC'
  /** Compare as text. */
  ALPHA?: boolean
}
/** Options of {@link Commands.zAdd}. */
interface ZAddOptions {
  /** Only add members (`NX`), or only change those that are there (`XX`). */
  condition?: 'NX' | 'XX'
  /** As `condition: 'NX'`. */
  NX?: boolean
  /** As `condition: 'XX'`. */
  XX?: boolean
  /** Change scores only to lower or to higher ones. */
  comparison?: 'LT' | 'GT'
  /** As `comparison: 'LT'`. */
  LT?: boolean
  /** As `comparison: 'GT'`. */
  GT?: boolean
  /** Count members whose scores have changed, too. */
  CH?: boolean
}
/** Options of {@link Commands.zRange}. */
interface ZRangeOptions {
  /** Ends are scores, or members; by default ranks. */
  BY?: 'SCORE' | 'LEX'
  /** From the highest to the lowest. */
  REV?: boolean
  /** Which part of the range; of scores and members only. */
  LIMIT?: Limit
}
/** Options of commands that combine sorted sets. */
interface AggregateOptions {
  /** What becomes of the scores of a member of several sets; they are added up by default. */
  AGGREGATE?: 'SUM' | 'MIN' | 'MAX'
}

/**
 * The commands of Redis as methods, with the names, arguments, units (seconds!) and replies that node-redis
 * has for them. What replies with values has a twin that returns bytes.
 */
declare abstract class Commands {
  #private
  /** Appends to a string, which is created if it is missing: `APPEND key value`. O(1) amortised. */
  append(key: Bytes, value: Bytes): Promise<number>
  /** Counts the bits of a string that are set: `BITCOUNT key [part]`. O(N) for a part of N bytes. */
  bitCount(key: Bytes, part?: BitCountOptions): Promise<number>
  /** Reads and changes integers of any width within a string: `BITFIELD key operations`. O(1) for each operation. */
  bitField(key: Bytes, operations: readonly BitFieldOperation[]): Promise<(number | null)[]>
  /** Reads integers of any width within a string: `BITFIELD_RO key fields`. O(1) for each operation. */
  bitFieldRo(key: Bytes, fields: readonly BitField[]): Promise<number[]>
  /** Combines strings bit by bit, and stores the result: `BITOP operation destination keys ...`. O(N) for N bytes of all strings together. */
  bitOp(
    operation: 'AND' | 'OR' | 'XOR' | 'NOT',
    destination: Bytes,
    keys: Bytes | readonly Bytes[],
  ): Promise<number>
  /** Finds the first bit of a string that is set, or not: `BITPOS key bit [start] [end] [unit]`. O(N) for a part of N bytes. */
  bitPos(
    key: Bytes,
    bit: 0 | 1,
    start?: number,
    end?: number,
    unit?: 'BYTE' | 'BIT',
  ): Promise<number>
  /** Moves an item from an end of a list to an end of another, or waits for one: `BLMOVE source destination sourceSide destinationSide timeout [options]`. O(log(N)). */
  blMove(
    source: Bytes,
    destination: Bytes,
    sourceSide: 'LEFT' | 'RIGHT',
    destinationSide: 'LEFT' | 'RIGHT',
    timeout: number,
    options?: WaitOptions,
  ): Promise<string | null>
  /** As {@link blMove}, as bytes. */
  blMoveBuffer(
    source: Bytes,
    destination: Bytes,
    sourceSide: 'LEFT' | 'RIGHT',
    destinationSide: 'LEFT' | 'RIGHT',
    timeout: number,
    options?: WaitOptions,
  ): Promise<Buffer | null>
  /** Removes and returns items of the first list that there is, or waits for one: `BLMPOP timeout keys side [options]`. O(N + M) for N keys and M items. */
  blmPop(
    timeout: number,
    keys: Bytes | readonly Bytes[],
    side: 'LEFT' | 'RIGHT',
    options?: WaitCountOptions,
  ): Promise<[key: string, elements: string[]] | null>
  /** As {@link blmPop}, as bytes. */
  blmPopBuffer(
    timeout: number,
    keys: Bytes | readonly Bytes[],
    side: 'LEFT' | 'RIGHT',
    options?: WaitCountOptions,
  ): Promise<[key: Buffer, elements: Buffer[]] | null>
  /** Removes and returns the item at the front of the first list that there is, or waits for one: `BLPOP keys ... timeout [options]`. O(N) for N keys. */
  blPop(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedElement<string> | null>
  /** As {@link blPop}, as bytes. */
  blPopBuffer(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedElement<Buffer> | null>
  /** Removes and returns the item at the end of the first list that there is, or waits for one: `BRPOP keys ... timeout [options]`. O(N) for N keys. */
  brPop(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedElement<string> | null>
  /** As {@link brPop}, as bytes. */
  brPopBuffer(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedElement<Buffer> | null>
  /** Moves the last item of a list to the front of another, or waits for one: `BRPOPLPUSH source destination timeout [options]`. O(log(N)). */
  brPopLPush(
    source: Bytes,
    destination: Bytes,
    timeout: number,
    options?: WaitOptions,
  ): Promise<string | null>
  /** As {@link brPopLPush}, as bytes. */
  brPopLPushBuffer(
    source: Bytes,
    destination: Bytes,
    timeout: number,
    options?: WaitOptions,
  ): Promise<Buffer | null>
  /** Removes and returns members of the first sorted set that there is, or waits for one: `BZMPOP timeout keys side [options]`. O(K) + O(M * log(N)) for K keys and M members of N. */
  bzmPop(
    timeout: number,
    keys: Bytes | readonly Bytes[],
    side: 'MIN' | 'MAX',
    options?: WaitCountOptions,
  ): Promise<PoppedMembers<string> | null>
  /** As {@link bzmPop}, as bytes. */
  bzmPopBuffer(
    timeout: number,
    keys: Bytes | readonly Bytes[],
    side: 'MIN' | 'MAX',
    options?: WaitCountOptions,
  ): Promise<PoppedMembers<Buffer> | null>
  /** Removes and returns the member with the highest score of the first sorted set that there is, or waits for one: `BZPOPMAX keys ... timeout [options]`. O(log(N)). */
  bzPopMax(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedMember<string> | null>
  /** As {@link bzPopMax}, as bytes. */
  bzPopMaxBuffer(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedMember<Buffer> | null>
  /** Removes and returns the member with the lowest score of the first sorted set that there is, or waits for one: `BZPOPMIN keys ... timeout [options]`. O(log(N)). */
  bzPopMin(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedMember<string> | null>
  /** As {@link bzPopMin}, as bytes. */
  bzPopMinBuffer(
    keys: Bytes | readonly Bytes[],
    timeout: number,
    options?: WaitOptions,
  ): Promise<PoppedMember<Buffer> | null>
  /** Copies the value and deadline of a key to another: `COPY source destination [options]`. O(1); O(N) for a value of N bytes. */
  copy(source: Bytes, destination: Bytes, options?: CopyOptions): Promise<number>
  /** Subtracts one from an integer: `DECR key`. O(1). */
  decr(key: Bytes): Promise<number>
  /** Subtracts from an integer: `DECRBY key decrement`. O(1). */
  decrBy(key: Bytes, decrement: number | bigint): Promise<number>
  /** Returns the value of a key in the form that RESTORE takes: `DUMP key`. O(N) for a value of N bytes. */
  dumpBuffer(key: Bytes): Promise<Buffer | null>
  /** Gives a key a time to live in seconds: `EXPIRE key seconds [mode]`. O(1). */
  expire(key: Bytes, seconds: number, mode?: 'NX' | 'XX' | 'GT' | 'LT'): Promise<number>
  /** Gives a key a deadline in seconds since 1970: `EXPIREAT key timestamp [mode]`. O(1). */
  expireAt(key: Bytes, timestamp: number | Date, mode?: 'NX' | 'XX' | 'GT' | 'LT'): Promise<number>
  /** Returns the deadline of a key in seconds since 1970; -1 without deadline, -2 without key: `EXPIRETIME key`. O(1). */
  expireTime(key: Bytes): Promise<number>
  /** Returns a bit of a string: `GETBIT key offset`. O(1). */
  getBit(key: Bytes, offset: number): Promise<number>
  /** Returns the string value of a key and removes the key: `GETDEL key`. O(1). */
  getDel(key: Bytes): Promise<string | null>
  /** As {@link getDel}, as bytes. */
  getDelBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns the string value of a key and sets or removes its deadline: `GETEX key options`. O(1). */
  getEx(key: Bytes, options: GetExOptions): Promise<string | null>
  /** As {@link getEx}, as bytes. */
  getExBuffer(key: Bytes, options: GetExOptions): Promise<Buffer | null>
  /** Returns part of a string: `GETRANGE key start end`. O(N) for a part of N bytes. */
  getRange(key: Bytes, start: number, end: number): Promise<string>
  /** As {@link getRange}, as bytes. */
  getRangeBuffer(key: Bytes, start: number, end: number): Promise<Buffer>
  /** Stores a string and returns the one that was there: `GETSET key value`. O(1). */
  getSet(key: Bytes, value: Bytes): Promise<string | null>
  /** As {@link getSet}, as bytes. */
  getSetBuffer(key: Bytes, value: Bytes): Promise<Buffer | null>
  /** Removes fields of a hash, and the hash with the last one: `HDEL key fields ...`. O(N) for N fields. */
  hDel(key: Bytes, fields: Bytes | readonly Bytes[]): Promise<number>
  /** Returns whether a hash has a field: `HEXISTS key field`. O(1). */
  hExists(key: Bytes, field: Bytes): Promise<number>
  /** Returns the value of a field of a hash: `HGET key field`. O(1). */
  hGet(key: Bytes, field: Bytes): Promise<string | null>
  /** As {@link hGet}, as bytes. */
  hGetBuffer(key: Bytes, field: Bytes): Promise<Buffer | null>
  /** Returns all fields of a hash with their values: `HGETALL key`. O(N) for N fields. */
  hGetAll(key: Bytes): Promise<Record<string, string>>
  /** As {@link hGetAll}, as bytes. */
  hGetAllBuffer(key: Bytes): Promise<Record<string, Buffer>>
  /** Adds to the integer in a field of a hash: `HINCRBY key field increment`. O(1). */
  hIncrBy(key: Bytes, field: Bytes, increment: number | bigint): Promise<number>
  /** Adds to the number in a field of a hash, in extended precision: `HINCRBYFLOAT key field increment`. O(1). */
  hIncrByFloat(key: Bytes, field: Bytes, increment: number): Promise<string>
  /** Returns all fields of a hash: `HKEYS key`. O(N) for N fields. */
  hKeys(key: Bytes): Promise<string[]>
  /** As {@link hKeys}, as bytes. */
  hKeysBuffer(key: Bytes): Promise<Buffer[]>
  /** Returns the number of fields of a hash: `HLEN key`. O(1). */
  hLen(key: Bytes): Promise<number>
  /** Returns the values of fields of a hash: `HMGET key fields ...`. O(N) for N fields. */
  hmGet(key: Bytes, fields: Bytes | readonly Bytes[]): Promise<(string | null)[]>
  /** As {@link hmGet}, as bytes. */
  hmGetBuffer(key: Bytes, fields: Bytes | readonly Bytes[]): Promise<(Buffer | null)[]>
  /** Returns fields of a hash at random: `HRANDFIELD key`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandField(key: Bytes): Promise<string | null>
  /** As {@link hRandField}, as bytes. */
  hRandFieldBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns fields of a hash at random: `HRANDFIELD key count`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandFieldCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link hRandFieldCount}, as bytes. */
  hRandFieldCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns fields of a hash at random: `HRANDFIELD key count WITHVALUES`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandFieldCountWithValues(key: Bytes, count: number): Promise<Entry<string>[]>
  /** As {@link hRandFieldCountWithValues}, as bytes. */
  hRandFieldCountWithValuesBuffer(key: Bytes, count: number): Promise<Entry<Buffer>[]>
  /** Returns some of the fields of a hash with their values, and where to go on: `HSCAN key cursor [options]`. O(1) for a call; O(N) for all N fields. */
  hScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<HashStep<string>>
  /** As {@link hScan}, as bytes. */
  hScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<HashStep<Buffer>>
  /** Gives fields of a hash values: `HSET key fields`. O(N) for N fields. */
  hSet(key: Bytes, ...fields: Fields): Promise<number>
  /** Gives a field of a hash a value if there is no such field: `HSETNX key field value`. O(1). */
  hSetNX(key: Bytes, field: Bytes, value: Bytes): Promise<number>
  /** Returns the length of the value of a field of a hash: `HSTRLEN key field`. O(1). */
  hStrLen(key: Bytes, field: Bytes): Promise<number>
  /** Returns all values of a hash: `HVALS key`. O(N) for N fields. */
  hVals(key: Bytes): Promise<string[]>
  /** As {@link hVals}, as bytes. */
  hValsBuffer(key: Bytes): Promise<Buffer[]>
  /** Adds one to an integer: `INCR key`. O(1). */
  incr(key: Bytes): Promise<number>
  /** Adds to an integer: `INCRBY key increment`. O(1). */
  incrBy(key: Bytes, increment: number | bigint): Promise<number>
  /** Adds to a number, in extended precision: `INCRBYFLOAT key increment`. O(1). */
  incrByFloat(key: Bytes, increment: number): Promise<string>
  /** Returns the keys that fit a pattern: `KEYS pattern`. O(N) for N keys in the database, in slices. */
  keys(pattern: Bytes): Promise<string[]>
  /** As {@link keys}, as bytes. */
  keysBuffer(pattern: Bytes): Promise<Buffer[]>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2`. O(N*M) for strings of N and M bytes. */
  lcs(key1: Bytes, key2: Bytes): Promise<string>
  /** As {@link lcs}, as bytes. */
  lcsBuffer(key1: Bytes, key2: Bytes): Promise<Buffer>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 IDX [options]`. O(N*M) for strings of N and M bytes. */
  lcsIdx(key1: Bytes, key2: Bytes, options?: LcsOptions): Promise<LcsMatches>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 IDX [options] WITHMATCHLEN`. O(N*M) for strings of N and M bytes. */
  lcsIdxWithMatchLen(
    key1: Bytes,
    key2: Bytes,
    options?: LcsOptions,
  ): Promise<LcsMatches<[length: number]>>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 LEN`. O(N*M) for strings of N and M bytes. */
  lcsLen(key1: Bytes, key2: Bytes): Promise<number>
  /** Returns an item of a list by its index: `LINDEX key index`. O(log(N)) for a list of N items. */
  lIndex(key: Bytes, index: number): Promise<string | null>
  /** As {@link lIndex}, as bytes. */
  lIndexBuffer(key: Bytes, index: number): Promise<Buffer | null>
  /** Puts an item before or behind another one of a list: `LINSERT key position pivot element`. O(N) for N items up to that one. */
  lInsert(key: Bytes, position: 'BEFORE' | 'AFTER', pivot: Bytes, element: Bytes): Promise<number>
  /** Returns the number of items of a list: `LLEN key`. O(1). */
  lLen(key: Bytes): Promise<number>
  /** Moves an item from an end of a list to an end of another: `LMOVE source destination sourceSide destinationSide`. O(log(N)). */
  lMove(
    source: Bytes,
    destination: Bytes,
    sourceSide: 'LEFT' | 'RIGHT',
    destinationSide: 'LEFT' | 'RIGHT',
  ): Promise<string | null>
  /** As {@link lMove}, as bytes. */
  lMoveBuffer(
    source: Bytes,
    destination: Bytes,
    sourceSide: 'LEFT' | 'RIGHT',
    destinationSide: 'LEFT' | 'RIGHT',
  ): Promise<Buffer | null>
  /** Removes and returns items of the first list that there is: `LMPOP keys side [options]`. O(N + M) for N keys and M items. */
  lmPop(
    keys: Bytes | readonly Bytes[],
    side: 'LEFT' | 'RIGHT',
    options?: CountOptions,
  ): Promise<[key: string, elements: string[]] | null>
  /** As {@link lmPop}, as bytes. */
  lmPopBuffer(
    keys: Bytes | readonly Bytes[],
    side: 'LEFT' | 'RIGHT',
    options?: CountOptions,
  ): Promise<[key: Buffer, elements: Buffer[]] | null>
  /** Removes and returns items of the front of a list: `LPOP key`. O(N) for N items that are returned. */
  lPop(key: Bytes): Promise<string | null>
  /** As {@link lPop}, as bytes. */
  lPopBuffer(key: Bytes): Promise<Buffer | null>
  /** Removes and returns items of the front of a list: `LPOP key count`. O(N) for N items that are returned. */
  lPopCount(key: Bytes, count: number): Promise<string[] | null>
  /** As {@link lPopCount}, as bytes. */
  lPopCountBuffer(key: Bytes, count: number): Promise<Buffer[] | null>
  /** Returns where items of a list are that are equal to a value: `LPOS key element [options]`. O(N) for N items that are compared. */
  lPos(key: Bytes, element: Bytes, options?: LPosOptions): Promise<number | null>
  /** Returns where items of a list are that are equal to a value: `LPOS key element [options] COUNT count`. O(N) for N items that are compared. */
  lPosCount(key: Bytes, element: Bytes, count: number, options?: LPosOptions): Promise<number[]>
  /** Adds items to the front of a list, which is created if it is missing: `LPUSH key elements ...`. O(N) for N items. */
  lPush(key: Bytes, elements: Bytes | readonly Bytes[]): Promise<number>
  /** Adds items to the front of a list, if there is one: `LPUSHX key elements ...`. O(N) for N items. */
  lPushX(key: Bytes, elements: Bytes | readonly Bytes[]): Promise<number>
  /** Returns a range of the items of a list: `LRANGE key start stop`. O(log(N) + M) for M items of N. */
  lRange(key: Bytes, start: number, stop: number): Promise<string[]>
  /** As {@link lRange}, as bytes. */
  lRangeBuffer(key: Bytes, start: number, stop: number): Promise<Buffer[]>
  /** Removes items of a list that are equal to a value: `LREM key count element`. O(N + M * log(N)) for M items removed from N. */
  lRem(key: Bytes, count: number, element: Bytes): Promise<number>
  /** Replaces an item of a list: `LSET key index element`. O(log(N)) for a list of N items. */
  lSet(key: Bytes, index: number, element: Bytes): Promise<'OK'>
  /** Removes all items of a list but a range: `LTRIM key start stop`. O(N) for N items that are removed. */
  lTrim(key: Bytes, start: number, stop: number): Promise<'OK'>
  /** Returns the string values of several keys: `MGET keys ...`. O(N) for N keys. */
  mGet(keys: Bytes | readonly Bytes[]): Promise<(string | null)[]>
  /** As {@link mGet}, as bytes. */
  mGetBuffer(keys: Bytes | readonly Bytes[]): Promise<(Buffer | null)[]>
  /** Stores several strings, all at once: `MSET entries`. O(N) for N keys. */
  mSet(entries: Entries): Promise<'OK'>
  /** Stores several strings, all at once, if none of the keys exists: `MSETNX entries`. O(N) for N keys. */
  mSetNX(entries: Entries): Promise<number>
  /** Returns how the value of a key is encoded: `OBJECT ENCODING key`. O(1). */
  objectEncoding(key: Bytes): Promise<string | null>
  /** Returns how often a key is used, under a policy that counts it: `OBJECT FREQ key`. O(1). */
  objectFreq(key: Bytes): Promise<number | null>
  /** Returns how long a key was not used, where that is kept: `OBJECT IDLETIME key`. O(1). */
  objectIdleTime(key: Bytes): Promise<number | null>
  /** Returns how many references to the value of a key there are: `OBJECT REFCOUNT key`. O(1). */
  objectRefCount(key: Bytes): Promise<number | null>
  /** Takes the deadline of a key away: `PERSIST key`. O(1). */
  persist(key: Bytes): Promise<number>
  /** Gives a key a time to live in milliseconds: `PEXPIRE key ms [mode]`. O(1). */
  pExpire(key: Bytes, ms: number, mode?: 'NX' | 'XX' | 'GT' | 'LT'): Promise<number>
  /** Gives a key a deadline in milliseconds since 1970: `PEXPIREAT key msTimestamp [mode]`. O(1). */
  pExpireAt(
    key: Bytes,
    msTimestamp: number | Date,
    mode?: 'NX' | 'XX' | 'GT' | 'LT',
  ): Promise<number>
  /** Returns the deadline of a key in milliseconds since 1970; -1 without deadline, -2 without key: `PEXPIRETIME key`. O(1). */
  pExpireTime(key: Bytes): Promise<number>
  /** Stores a string with a time to live in milliseconds: `PSETEX key ms value`. O(1). */
  pSetEx(key: Bytes, ms: number, value: Bytes): Promise<'OK'>
  /** Returns the time to live of a key in milliseconds; -1 without deadline, -2 without key: `PTTL key`. O(1). */
  pTTL(key: Bytes): Promise<number>
  /** Returns a random key: `RANDOMKEY`. O(1) for a fixed number of shards; O(N) for N keys that have expired unnoticed, in slices. */
  randomKey(): Promise<string | null>
  /** As {@link randomKey}, as bytes. */
  randomKeyBuffer(): Promise<Buffer | null>
  /** Renames a key; a key of the new name is replaced: `RENAME key newKey`. O(1); O(N) for a value of N bytes between shards. */
  rename(key: Bytes, newKey: Bytes): Promise<'OK'>
  /** Renames a key if no key has the new name: `RENAMENX key newKey`. O(1); O(N) for a value of N bytes between shards. */
  renameNX(key: Bytes, newKey: Bytes): Promise<number>
  /** Creates a key from what DUMP returned: `RESTORE key ttl serializedValue [options]`. */
  restore(key: Bytes, ttl: number, serializedValue: Bytes, options?: RestoreOptions): Promise<'OK'>
  /** Removes and returns items of the back of a list: `RPOP key`. O(N) for N items that are returned. */
  rPop(key: Bytes): Promise<string | null>
  /** As {@link rPop}, as bytes. */
  rPopBuffer(key: Bytes): Promise<Buffer | null>
  /** Removes and returns items of the back of a list: `RPOP key count`. O(N) for N items that are returned. */
  rPopCount(key: Bytes, count: number): Promise<string[] | null>
  /** As {@link rPopCount}, as bytes. */
  rPopCountBuffer(key: Bytes, count: number): Promise<Buffer[] | null>
  /** Moves the last item of a list to the front of another: `RPOPLPUSH source destination`. O(log(N)). */
  rPopLPush(source: Bytes, destination: Bytes): Promise<string | null>
  /** As {@link rPopLPush}, as bytes. */
  rPopLPushBuffer(source: Bytes, destination: Bytes): Promise<Buffer | null>
  /** Adds items to the back of a list, which is created if it is missing: `RPUSH key elements ...`. O(N) for N items. */
  rPush(key: Bytes, elements: Bytes | readonly Bytes[]): Promise<number>
  /** Adds items to the back of a list, if there is one: `RPUSHX key elements ...`. O(N) for N items. */
  rPushX(key: Bytes, elements: Bytes | readonly Bytes[]): Promise<number>
  /** Adds members to a set, which is created if it is missing: `SADD key members ...`. O(N) for N members. */
  sAdd(key: Bytes, members: Bytes | readonly Bytes[]): Promise<number>
  /** Returns the number of members of a set: `SCARD key`. O(1). */
  sCard(key: Bytes): Promise<number>
  /** Returns the members of a set that none of several others has: `SDIFF keys ...`. O(N*M) for N members of the first of M sets. */
  sDiff(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sDiff}, as bytes. */
  sDiffBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Stores the members of a set that none of several others has: `SDIFFSTORE destination keys ...`. O(N*M) for N members of the first of M sets. */
  sDiffStore(destination: Bytes, keys: Bytes | readonly Bytes[]): Promise<number>
  /** Sets or clears a bit of a string, and returns what it was: `SETBIT key offset bit`. O(1); the string is zero-filled up to there. */
  setBit(key: Bytes, offset: number, bit: 0 | 1): Promise<number>
  /** Stores a string with a time to live in seconds: `SETEX key seconds value`. O(1). */
  setEx(key: Bytes, seconds: number, value: Bytes): Promise<'OK'>
  /** Stores a string if the key is missing: `SETNX key value`. O(1). */
  setNX(key: Bytes, value: Bytes): Promise<number>
  /** Overwrites part of a string from an offset on, zero-filling up to there: `SETRANGE key offset value`. O(1) for a short value; else O(M) for a value of M bytes. */
  setRange(key: Bytes, offset: number, value: Bytes): Promise<number>
  /** Returns the members that all of several sets have: `SINTER keys ...`. O(N*M) for N members of the smallest of M sets. */
  sInter(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sInter}, as bytes. */
  sInterBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Returns how many members all of several sets have: `SINTERCARD keys [options]`. O(N*M) for N members of the smallest of M sets. */
  sInterCard(keys: Bytes | readonly Bytes[], options?: LimitOptions | number): Promise<number>
  /** Stores the members that all of several sets have: `SINTERSTORE destination keys ...`. O(N*M) for N members of the smallest of M sets. */
  sInterStore(destination: Bytes, keys: Bytes | readonly Bytes[]): Promise<number>
  /** Returns whether something is a member of a set: `SISMEMBER key member`. O(1). */
  sIsMember(key: Bytes, member: Bytes): Promise<number>
  /** Returns all members of a set: `SMEMBERS key`. O(N) for N members. */
  sMembers(key: Bytes): Promise<string[]>
  /** As {@link sMembers}, as bytes. */
  sMembersBuffer(key: Bytes): Promise<Buffer[]>
  /** Returns which of several things are members of a set: `SMISMEMBER key members ...`. O(N) for N members. */
  smIsMember(key: Bytes, members: Bytes | readonly Bytes[]): Promise<number[]>
  /** Moves a member from a set to another: `SMOVE source destination member`. O(1). */
  sMove(source: Bytes, destination: Bytes, member: Bytes): Promise<number>
  /** Sorts a list, a set or a sorted set: `SORT key [options]`. O(N + M * log(M)) for N elements, M of which are returned. */
  sort(key: Bytes, options?: SortOptions): Promise<(string | null)[]>
  /** As {@link sort}, as bytes. */
  sortBuffer(key: Bytes, options?: SortOptions): Promise<(Buffer | null)[]>
  /** Sorts a list, a set or a sorted set, and cannot store the result: `SORT_RO key [options]`. O(N + M * log(M)) for N elements, M of which are returned. */
  sortRo(key: Bytes, options?: SortOptions): Promise<(string | null)[]>
  /** As {@link sortRo}, as bytes. */
  sortRoBuffer(key: Bytes, options?: SortOptions): Promise<(Buffer | null)[]>
  /** Sorts a list, a set or a sorted set: `SORT source [options] STORE destination`. O(N + M * log(M)) for N elements, M of which are returned. */
  sortStore(source: Bytes, destination: Bytes, options?: SortOptions): Promise<number>
  /** Removes members of a set at random and returns them: `SPOP key`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sPop(key: Bytes): Promise<string | null>
  /** As {@link sPop}, as bytes. */
  sPopBuffer(key: Bytes): Promise<Buffer | null>
  /** Removes members of a set at random and returns them: `SPOP key count`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sPopCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link sPopCount}, as bytes. */
  sPopCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns members of a set at random: `SRANDMEMBER key`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sRandMember(key: Bytes): Promise<string | null>
  /** As {@link sRandMember}, as bytes. */
  sRandMemberBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns members of a set at random: `SRANDMEMBER key count`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sRandMemberCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link sRandMemberCount}, as bytes. */
  sRandMemberCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Removes members of a set, and the set with the last one: `SREM key members ...`. O(N) for N members. */
  sRem(key: Bytes, members: Bytes | readonly Bytes[]): Promise<number>
  /** Returns some of the members of a set, and where to go on: `SSCAN key cursor [options]`. O(1) for a call; O(N) for all N members. */
  sScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SetStep<string>>
  /** As {@link sScan}, as bytes. */
  sScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SetStep<Buffer>>
  /** Returns the length of a string value: `STRLEN key`. O(1). */
  strLen(key: Bytes): Promise<number>
  /** Returns the members that any of several sets has: `SUNION keys ...`. O(N*M) for N members of M sets. */
  sUnion(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sUnion}, as bytes. */
  sUnionBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Stores the members that any of several sets has: `SUNIONSTORE destination keys ...`. O(N*M) for N members of M sets. */
  sUnionStore(destination: Bytes, keys: Bytes | readonly Bytes[]): Promise<number>
  /** Counts how many of the keys exist and notes that they were used: `TOUCH keys ...`. O(N) for N keys. */
  touch(keys: Bytes | readonly Bytes[]): Promise<number>
  /** Returns the time to live of a key in seconds; -1 without deadline, -2 without key: `TTL key`. O(1). */
  ttl(key: Bytes): Promise<number>
  /** Returns the type of the value of a key: `TYPE key`. O(1). */
  type(key: Bytes): Promise<string>
  /** Removes keys, as DEL does: `UNLINK keys ...`. O(N) for N keys. */
  unlink(keys: Bytes | readonly Bytes[]): Promise<number>
  /** Gives members of a sorted set scores, and adds those that are new: `ZADD key [options] members`. O(log(N)) for each member. */
  zAdd(
    key: Bytes,
    members: Scored<Bytes> | readonly Scored<Bytes>[],
    options?: ZAddOptions,
  ): Promise<number>
  /** Gives members of a sorted set scores, and adds those that are new: `ZADD key [options] INCR members`. O(log(N)) for each member. */
  zAddIncr(
    key: Bytes,
    members: Scored<Bytes> | readonly Scored<Bytes>[],
    options?: ZAddOptions,
  ): Promise<number | null>
  /** Returns the number of members of a sorted set: `ZCARD key`. O(1). */
  zCard(key: Bytes): Promise<number>
  /** Counts the members of a sorted set whose scores are in a range: `ZCOUNT key min max`. O(log(N)). */
  zCount(key: Bytes, min: Bytes | number, max: Bytes | number): Promise<number>
  /** Returns the members of a sorted set that are in none of others: `ZDIFF keys`. O(N * K * log(N)) for N members of the first of K. */
  zDiff(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link zDiff}, as bytes. */
  zDiffBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Stores the members of a sorted set that are in none of others: `ZDIFFSTORE destination keys`. O(N * K * log(N)) for N members of the first of K. */
  zDiffStore(destination: Bytes, keys: Bytes | readonly Bytes[]): Promise<number>
  /** Returns the members of a sorted set that are in none of others: `ZDIFF keys WITHSCORES`. O(N * K * log(N)) for N members of the first of K. */
  zDiffWithScores(keys: Bytes | readonly Bytes[]): Promise<Scored<string>[]>
  /** As {@link zDiffWithScores}, as bytes. */
  zDiffWithScoresBuffer(keys: Bytes | readonly Bytes[]): Promise<Scored<Buffer>[]>
  /** Adds to the score of a member of a sorted set: `ZINCRBY key increment member`. O(log(N)). */
  zIncrBy(key: Bytes, increment: number, member: Bytes): Promise<number>
  /** Returns the members that are in all of several sorted sets: `ZINTER keys [options]`. O(N * K * log(N)) for N members of the smallest of K. */
  zInter(keys: WeightedKeys, options?: AggregateOptions): Promise<string[]>
  /** As {@link zInter}, as bytes. */
  zInterBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Buffer[]>
  /** Counts the members that are in all of several sorted sets: `ZINTERCARD keys [options]`. O(N * K) for N members of the smallest of K. */
  zInterCard(keys: Bytes | readonly Bytes[], options?: LimitOptions | number): Promise<number>
  /** Stores the members that are in all of several sorted sets: `ZINTERSTORE destination keys [options]`. O(N * K * log(N)) for N members of the smallest of K. */
  zInterStore(destination: Bytes, keys: WeightedKeys, options?: AggregateOptions): Promise<number>
  /** Returns the members that are in all of several sorted sets: `ZINTER keys [options] WITHSCORES`. O(N * K * log(N)) for N members of the smallest of K. */
  zInterWithScores(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<string>[]>
  /** As {@link zInterWithScores}, as bytes. */
  zInterWithScoresBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<Buffer>[]>
  /** Counts the members of a sorted set that are in a range of the order of bytes: `ZLEXCOUNT key min max`. O(log(N)). */
  zLexCount(key: Bytes, min: Bytes, max: Bytes): Promise<number>
  /** Removes and returns members of the first sorted set that there is: `ZMPOP keys side [options]`. O(K) + O(M * log(N)) for K keys and M members of N. */
  zmPop(
    keys: Bytes | readonly Bytes[],
    side: 'MIN' | 'MAX',
    options?: CountOptions,
  ): Promise<PoppedMembers<string> | null>
  /** As {@link zmPop}, as bytes. */
  zmPopBuffer(
    keys: Bytes | readonly Bytes[],
    side: 'MIN' | 'MAX',
    options?: CountOptions,
  ): Promise<PoppedMembers<Buffer> | null>
  /** Returns the scores of members of a sorted set: `ZMSCORE key members ...`. O(M) for M members. */
  zmScore(key: Bytes, members: Bytes | readonly Bytes[]): Promise<(number | null)[]>
  /** Removes and returns the members of the highest scores of a sorted set: `ZPOPMAX key`. O(M * log(N)) for M members of N. */
  zPopMax(key: Bytes): Promise<Scored<string> | null>
  /** As {@link zPopMax}, as bytes. */
  zPopMaxBuffer(key: Bytes): Promise<Scored<Buffer> | null>
  /** Removes and returns the members of the highest scores of a sorted set: `ZPOPMAX key count`. O(M * log(N)) for M members of N. */
  zPopMaxCount(key: Bytes, count: number): Promise<Scored<string>[]>
  /** As {@link zPopMaxCount}, as bytes. */
  zPopMaxCountBuffer(key: Bytes, count: number): Promise<Scored<Buffer>[]>
  /** Removes and returns the members of the lowest scores of a sorted set: `ZPOPMIN key`. O(M * log(N)) for M members of N. */
  zPopMin(key: Bytes): Promise<Scored<string> | null>
  /** As {@link zPopMin}, as bytes. */
  zPopMinBuffer(key: Bytes): Promise<Scored<Buffer> | null>
  /** Removes and returns the members of the lowest scores of a sorted set: `ZPOPMIN key count`. O(M * log(N)) for M members of N. */
  zPopMinCount(key: Bytes, count: number): Promise<Scored<string>[]>
  /** As {@link zPopMinCount}, as bytes. */
  zPopMinCountBuffer(key: Bytes, count: number): Promise<Scored<Buffer>[]>
  /** Returns random members of a sorted set: `ZRANDMEMBER key`. O(M * log(M)) for M members that are returned. */
  zRandMember(key: Bytes): Promise<string | null>
  /** As {@link zRandMember}, as bytes. */
  zRandMemberBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns random members of a sorted set: `ZRANDMEMBER key count`. O(M * log(M)) for M members that are returned. */
  zRandMemberCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link zRandMemberCount}, as bytes. */
  zRandMemberCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns random members of a sorted set: `ZRANDMEMBER key count WITHSCORES`. O(M * log(M)) for M members that are returned. */
  zRandMemberCountWithScores(key: Bytes, count: number): Promise<Scored<string>[]>
  /** As {@link zRandMemberCountWithScores}, as bytes. */
  zRandMemberCountWithScoresBuffer(key: Bytes, count: number): Promise<Scored<Buffer>[]>
  /** Returns members of a sorted set in a range of ranks, of scores or of the order of bytes: `ZRANGE key min max [options]`. O(log(N) + M) for M members of N. */
  zRange(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<string[]>
  /** As {@link zRange}, as bytes. */
  zRangeBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Buffer[]>
  /** Returns the members of a sorted set that are in a range of the order of bytes: `ZRANGEBYLEX key min max [options]`. O(log(N) + M) for M members of N. */
  zRangeByLex(key: Bytes, min: Bytes, max: Bytes, options?: LimitedOptions): Promise<string[]>
  /** As {@link zRangeByLex}, as bytes. */
  zRangeByLexBuffer(key: Bytes, min: Bytes, max: Bytes, options?: LimitedOptions): Promise<Buffer[]>
  /** Returns the members of a sorted set whose scores are in a range: `ZRANGEBYSCORE key min max [options]`. O(log(N) + M) for M members of N. */
  zRangeByScore(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<string[]>
  /** As {@link zRangeByScore}, as bytes. */
  zRangeByScoreBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Buffer[]>
  /** Returns the members of a sorted set whose scores are in a range: `ZRANGEBYSCORE key min max [options] WITHSCORES`. O(log(N) + M) for M members of N. */
  zRangeByScoreWithScores(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Scored<string>[]>
  /** As {@link zRangeByScoreWithScores}, as bytes. */
  zRangeByScoreWithScoresBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Scored<Buffer>[]>
  /** Stores a range of the members of a sorted set in another: `ZRANGESTORE destination source min max [options]`. O(log(N) + M) for M members of N, which are stored. */
  zRangeStore(
    destination: Bytes,
    source: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<number>
  /** Returns members of a sorted set in a range of ranks, of scores or of the order of bytes: `ZRANGE key min max [options] WITHSCORES`. O(log(N) + M) for M members of N. */
  zRangeWithScores(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Scored<string>[]>
  /** As {@link zRangeWithScores}, as bytes. */
  zRangeWithScoresBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Scored<Buffer>[]>
  /** Returns the rank of a member of a sorted set: `ZRANK key member`. O(log(N)). */
  zRank(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns the rank of a member of a sorted set: `ZRANK key member WITHSCORE`. O(log(N)). */
  zRankWithScore(key: Bytes, member: Bytes): Promise<Ranked | null>
  /** Removes members of a sorted set: `ZREM key members ...`. O(M * log(N)) for M members. */
  zRem(key: Bytes, members: Bytes | readonly Bytes[]): Promise<number>
  /** Removes the members of a sorted set in a range of the order of bytes: `ZREMRANGEBYLEX key min max`. O(M * log(N)) for M members of N. */
  zRemRangeByLex(key: Bytes, min: Bytes, max: Bytes): Promise<number>
  /** Removes the members of a sorted set in a range of ranks: `ZREMRANGEBYRANK key start stop`. O(M * log(N)) for M members of N. */
  zRemRangeByRank(key: Bytes, start: number, stop: number): Promise<number>
  /** Removes the members of a sorted set in a range of scores: `ZREMRANGEBYSCORE key min max`. O(M * log(N)) for M members of N. */
  zRemRangeByScore(key: Bytes, min: string | number, max: string | number): Promise<number>
  /** Returns the rank of a member of a sorted set, the highest score first: `ZREVRANK key member`. O(log(N)). */
  zRevRank(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns some of the members of a sorted set, and where to go on: `ZSCAN key cursor [options]`. O(1) for a call; O(N) for all N members. */
  zScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SortedSetStep<string>>
  /** As {@link zScan}, as bytes. */
  zScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SortedSetStep<Buffer>>
  /** Returns the score of a member of a sorted set: `ZSCORE key member`. O(1). */
  zScore(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns the members that are in any of several sorted sets: `ZUNION keys [options]`. O(N * log(N)) for N members of all. */
  zUnion(keys: WeightedKeys, options?: AggregateOptions): Promise<string[]>
  /** As {@link zUnion}, as bytes. */
  zUnionBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Buffer[]>
  /** Stores the members that are in any of several sorted sets: `ZUNIONSTORE destination keys [options]`. O(N * log(N)) for N members of all. */
  zUnionStore(destination: Bytes, keys: WeightedKeys, options?: AggregateOptions): Promise<number>
  /** Returns the members that are in any of several sorted sets: `ZUNION keys [options] WITHSCORES`. O(N * log(N)) for N members of all. */
  zUnionWithScores(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<string>[]>
  /** As {@link zUnionWithScores}, as bytes. */
  zUnionWithScoresBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<Buffer>[]>
  /** Returns the settings that fit a pattern: `CONFIG GET parameters ...`. O(N) for N settings. */
  configGet(parameters: Bytes | readonly Bytes[]): Promise<Record<string, string>>
  /** Returns the number of keys in the selected database: `DBSIZE`. O(1) for a fixed number of shards. */
  dbSize(): Promise<number>
  /** Returns its argument: `ECHO message`. O(1). */
  echo(message: Bytes): Promise<string>
  /** As {@link echo}, as bytes. */
  echoBuffer(message: Bytes): Promise<Buffer>
  /** Removes every key of all databases: `FLUSHALL [mode]`. O(1) for a fixed number of shards: what was there is freed elsewhere. */
  flushAll(mode?: 'ASYNC' | 'SYNC'): Promise<'OK'>
  /** Removes every key of the selected database: `FLUSHDB [mode]`. O(1) for a fixed number of shards: what was there is freed elsewhere. */
  flushDb(mode?: 'ASYNC' | 'SYNC'): Promise<'OK'>
  /** Returns figures of the server: `INFO [section]`. O(1) for a fixed number of shards. */
  info(section?: Bytes): Promise<string>
  /** Returns when the data was last known to be saved as a whole, in seconds since 1970: `LASTSAVE`. O(1). */
  lastSave(): Promise<number>
  /** Returns the bytes of memory that a key and its value take: `MEMORY USAGE key [options]`. O(1). */
  memoryUsage(key: Bytes, options?: SamplesOptions): Promise<number | null>
  /** Answers PONG, or the message it was given: `PING [message]`. O(1). */
  ping(message?: Bytes): Promise<string>
  /** As {@link ping}, as bytes. */
  pingBuffer(message?: Bytes): Promise<Buffer>
  /** Lists the channels that have subscribers: `PUBSUB CHANNELS [pattern]`. O(N) for N channels. */
  pubSubChannels(pattern?: Bytes): Promise<string[]>
  /** As {@link pubSubChannels}, as bytes. */
  pubSubChannelsBuffer(pattern?: Bytes): Promise<Buffer[]>
  /** Counts the patterns that have subscribers: `PUBSUB NUMPAT`. O(1). */
  pubSubNumPat(): Promise<number>
  /** Counts the subscribers of channels: `PUBSUB NUMSUB [channels ...]`. O(N) for N channels asked for. */
  pubSubNumSub(channels?: Bytes | readonly Bytes[]): Promise<Record<string, number>>
  /** Lists the shard channels that have subscribers: `PUBSUB SHARDCHANNELS [pattern]`. */
  pubSubShardChannels(pattern?: Bytes): Promise<string[]>
  /** As {@link pubSubShardChannels}, as bytes. */
  pubSubShardChannelsBuffer(pattern?: Bytes): Promise<Buffer[]>
  /** Counts the subscribers of shard channels: `PUBSUB SHARDNUMSUB [channels ...]`. */
  pubSubShardNumSub(channels?: Bytes | readonly Bytes[]): Promise<Record<string, number>>
  /** Publishes a message to a shard channel: `SPUBLISH channel message`. O(N) for N subscribers of the channel. */
  sPublish(channel: Bytes, message: Bytes): Promise<number>
  /** Returns the time: seconds since 1970, and microseconds: `TIME`. O(1). */
  time(): Promise<string[]>
}
/** The commands that batches and transactions collect. They are made together with the other changes. */
declare abstract class ChangeCommands {
  /** Appends to a string, which is created if it is missing: `APPEND key value`. O(1) amortised. */
  append(key: Bytes, value: Bytes): this
  /** Subtracts one from an integer: `DECR key`. O(1). */
  decr(key: Bytes): this
  /** Subtracts from an integer: `DECRBY key decrement`. O(1). */
  decrBy(key: Bytes, decrement: number | bigint): this
  /** Gives a key a time to live in seconds: `EXPIRE key seconds [mode]`. O(1). */
  expire(key: Bytes, seconds: number, mode?: 'NX' | 'XX' | 'GT' | 'LT'): this
  /** Gives a key a deadline in seconds since 1970: `EXPIREAT key timestamp [mode]`. O(1). */
  expireAt(key: Bytes, timestamp: number | Date, mode?: 'NX' | 'XX' | 'GT' | 'LT'): this
  /** Removes fields of a hash, and the hash with the last one: `HDEL key fields ...`. O(N) for N fields. */
  hDel(key: Bytes, fields: Bytes | readonly Bytes[]): this
  /** Adds to the integer in a field of a hash: `HINCRBY key field increment`. O(1). */
  hIncrBy(key: Bytes, field: Bytes, increment: number | bigint): this
  /** Adds to the number in a field of a hash, in extended precision: `HINCRBYFLOAT key field increment`. O(1). */
  hIncrByFloat(key: Bytes, field: Bytes, increment: number): this
  /** Gives fields of a hash values: `HSET key fields`. O(N) for N fields. */
  hSet(key: Bytes, ...fields: Fields): this
  /** Gives a field of a hash a value if there is no such field: `HSETNX key field value`. O(1). */
  hSetNX(key: Bytes, field: Bytes, value: Bytes): this
  /** Adds one to an integer: `INCR key`. O(1). */
  incr(key: Bytes): this
  /** Adds to an integer: `INCRBY key increment`. O(1). */
  incrBy(key: Bytes, increment: number | bigint): this
  /** Adds to a number, in extended precision: `INCRBYFLOAT key increment`. O(1). */
  incrByFloat(key: Bytes, increment: number): this
  /** Puts an item before or behind another one of a list: `LINSERT key position pivot element`. O(N) for N items up to that one. */
  lInsert(key: Bytes, position: 'BEFORE' | 'AFTER', pivot: Bytes, element: Bytes): this
  /** Removes and returns items of the front of a list: `LPOP key`. O(N) for N items that are returned. */
  lPop(key: Bytes): this
  /** Removes and returns items of the front of a list: `LPOP key count`. O(N) for N items that are returned. */
  lPopCount(key: Bytes, count: number): this
  /** Adds items to the front of a list, which is created if it is missing: `LPUSH key elements ...`. O(N) for N items. */
  lPush(key: Bytes, elements: Bytes | readonly Bytes[]): this
  /** Adds items to the front of a list, if there is one: `LPUSHX key elements ...`. O(N) for N items. */
  lPushX(key: Bytes, elements: Bytes | readonly Bytes[]): this
  /** Removes items of a list that are equal to a value: `LREM key count element`. O(N + M * log(N)) for M items removed from N. */
  lRem(key: Bytes, count: number, element: Bytes): this
  /** Replaces an item of a list: `LSET key index element`. O(log(N)) for a list of N items. */
  lSet(key: Bytes, index: number, element: Bytes): this
  /** Removes all items of a list but a range: `LTRIM key start stop`. O(N) for N items that are removed. */
  lTrim(key: Bytes, start: number, stop: number): this
  /** Stores several strings, all at once: `MSET entries`. O(N) for N keys. */
  mSet(entries: Entries): this
  /** Takes the deadline of a key away: `PERSIST key`. O(1). */
  persist(key: Bytes): this
  /** Gives a key a time to live in milliseconds: `PEXPIRE key ms [mode]`. O(1). */
  pExpire(key: Bytes, ms: number, mode?: 'NX' | 'XX' | 'GT' | 'LT'): this
  /** Gives a key a deadline in milliseconds since 1970: `PEXPIREAT key msTimestamp [mode]`. O(1). */
  pExpireAt(key: Bytes, msTimestamp: number | Date, mode?: 'NX' | 'XX' | 'GT' | 'LT'): this
  /** Stores a string with a time to live in milliseconds: `PSETEX key ms value`. O(1). */
  pSetEx(key: Bytes, ms: number, value: Bytes): this
  /** Removes and returns items of the back of a list: `RPOP key`. O(N) for N items that are returned. */
  rPop(key: Bytes): this
  /** Removes and returns items of the back of a list: `RPOP key count`. O(N) for N items that are returned. */
  rPopCount(key: Bytes, count: number): this
  /** Adds items to the back of a list, which is created if it is missing: `RPUSH key elements ...`. O(N) for N items. */
  rPush(key: Bytes, elements: Bytes | readonly Bytes[]): this
  /** Adds items to the back of a list, if there is one: `RPUSHX key elements ...`. O(N) for N items. */
  rPushX(key: Bytes, elements: Bytes | readonly Bytes[]): this
  /** Adds members to a set, which is created if it is missing: `SADD key members ...`. O(N) for N members. */
  sAdd(key: Bytes, members: Bytes | readonly Bytes[]): this
  /** Stores a string with a time to live in seconds: `SETEX key seconds value`. O(1). */
  setEx(key: Bytes, seconds: number, value: Bytes): this
  /** Stores a string if the key is missing: `SETNX key value`. O(1). */
  setNX(key: Bytes, value: Bytes): this
  /** Overwrites part of a string from an offset on, zero-filling up to there: `SETRANGE key offset value`. O(1) for a short value; else O(M) for a value of M bytes. */
  setRange(key: Bytes, offset: number, value: Bytes): this
  /** Moves a member from a set to another: `SMOVE source destination member`. O(1). */
  sMove(source: Bytes, destination: Bytes, member: Bytes): this
  /** Removes members of a set, and the set with the last one: `SREM key members ...`. O(N) for N members. */
  sRem(key: Bytes, members: Bytes | readonly Bytes[]): this
  /** Removes keys, as DEL does: `UNLINK keys ...`. O(N) for N keys. */
  unlink(keys: Bytes | readonly Bytes[]): this
  /** Gives members of a sorted set scores, and adds those that are new: `ZADD key [options] members`. O(log(N)) for each member. */
  zAdd(key: Bytes, members: Scored<Bytes> | readonly Scored<Bytes>[], options?: ZAddOptions): this
  /** Adds to the score of a member of a sorted set: `ZINCRBY key increment member`. O(log(N)). */
  zIncrBy(key: Bytes, increment: number, member: Bytes): this
  /** Removes and returns the members of the highest scores of a sorted set: `ZPOPMAX key`. O(M * log(N)) for M members of N. */
  zPopMax(key: Bytes): this
  /** Removes and returns the members of the highest scores of a sorted set: `ZPOPMAX key count`. O(M * log(N)) for M members of N. */
  zPopMaxCount(key: Bytes, count: number): this
  /** Removes and returns the members of the lowest scores of a sorted set: `ZPOPMIN key`. O(M * log(N)) for M members of N. */
  zPopMin(key: Bytes): this
  /** Removes and returns the members of the lowest scores of a sorted set: `ZPOPMIN key count`. O(M * log(N)) for M members of N. */
  zPopMinCount(key: Bytes, count: number): this
  /** Removes members of a sorted set: `ZREM key members ...`. O(M * log(N)) for M members. */
  zRem(key: Bytes, members: Bytes | readonly Bytes[]): this
  /** Removes the members of a sorted set in a range of the order of bytes: `ZREMRANGEBYLEX key min max`. O(M * log(N)) for M members of N. */
  zRemRangeByLex(key: Bytes, min: Bytes, max: Bytes): this
  /** Removes the members of a sorted set in a range of ranks: `ZREMRANGEBYRANK key start stop`. O(M * log(N)) for M members of N. */
  zRemRangeByRank(key: Bytes, start: number, stop: number): this
  /** Removes the members of a sorted set in a range of scores: `ZREMRANGEBYSCORE key min max`. O(M * log(N)) for M members of N. */
  zRemRangeByScore(key: Bytes, min: string | number, max: string | number): this
}
/** The commands of transactions: changes, and reads, which are validated when it commits. */
declare abstract class TransactionCommands extends ChangeCommands {
  /** Counts the bits of a string that are set: `BITCOUNT key [part]`. O(N) for a part of N bytes. */
  bitCount(key: Bytes, part?: BitCountOptions): Promise<number>
  /** Reads integers of any width within a string: `BITFIELD_RO key fields`. O(1) for each operation. */
  bitFieldRo(key: Bytes, fields: readonly BitField[]): Promise<number[]>
  /** Finds the first bit of a string that is set, or not: `BITPOS key bit [start] [end] [unit]`. O(N) for a part of N bytes. */
  bitPos(
    key: Bytes,
    bit: 0 | 1,
    start?: number,
    end?: number,
    unit?: 'BYTE' | 'BIT',
  ): Promise<number>
  /** Returns the value of a key in the form that RESTORE takes: `DUMP key`. O(N) for a value of N bytes. */
  dumpBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns the deadline of a key in seconds since 1970; -1 without deadline, -2 without key: `EXPIRETIME key`. O(1). */
  expireTime(key: Bytes): Promise<number>
  /** Returns a bit of a string: `GETBIT key offset`. O(1). */
  getBit(key: Bytes, offset: number): Promise<number>
  /** Returns part of a string: `GETRANGE key start end`. O(N) for a part of N bytes. */
  getRange(key: Bytes, start: number, end: number): Promise<string>
  /** As {@link getRange}, as bytes. */
  getRangeBuffer(key: Bytes, start: number, end: number): Promise<Buffer>
  /** Returns whether a hash has a field: `HEXISTS key field`. O(1). */
  hExists(key: Bytes, field: Bytes): Promise<number>
  /** Returns the value of a field of a hash: `HGET key field`. O(1). */
  hGet(key: Bytes, field: Bytes): Promise<string | null>
  /** As {@link hGet}, as bytes. */
  hGetBuffer(key: Bytes, field: Bytes): Promise<Buffer | null>
  /** Returns all fields of a hash with their values: `HGETALL key`. O(N) for N fields. */
  hGetAll(key: Bytes): Promise<Record<string, string>>
  /** As {@link hGetAll}, as bytes. */
  hGetAllBuffer(key: Bytes): Promise<Record<string, Buffer>>
  /** Returns all fields of a hash: `HKEYS key`. O(N) for N fields. */
  hKeys(key: Bytes): Promise<string[]>
  /** As {@link hKeys}, as bytes. */
  hKeysBuffer(key: Bytes): Promise<Buffer[]>
  /** Returns the number of fields of a hash: `HLEN key`. O(1). */
  hLen(key: Bytes): Promise<number>
  /** Returns the values of fields of a hash: `HMGET key fields ...`. O(N) for N fields. */
  hmGet(key: Bytes, fields: Bytes | readonly Bytes[]): Promise<(string | null)[]>
  /** As {@link hmGet}, as bytes. */
  hmGetBuffer(key: Bytes, fields: Bytes | readonly Bytes[]): Promise<(Buffer | null)[]>
  /** Returns fields of a hash at random: `HRANDFIELD key`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandField(key: Bytes): Promise<string | null>
  /** As {@link hRandField}, as bytes. */
  hRandFieldBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns fields of a hash at random: `HRANDFIELD key count`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandFieldCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link hRandFieldCount}, as bytes. */
  hRandFieldCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns fields of a hash at random: `HRANDFIELD key count WITHVALUES`. O(N) for N fields that are returned; O(M) for a hash of M fields when most are. */
  hRandFieldCountWithValues(key: Bytes, count: number): Promise<Entry<string>[]>
  /** As {@link hRandFieldCountWithValues}, as bytes. */
  hRandFieldCountWithValuesBuffer(key: Bytes, count: number): Promise<Entry<Buffer>[]>
  /** Returns some of the fields of a hash with their values, and where to go on: `HSCAN key cursor [options]`. O(1) for a call; O(N) for all N fields. */
  hScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<HashStep<string>>
  /** As {@link hScan}, as bytes. */
  hScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<HashStep<Buffer>>
  /** Returns the length of the value of a field of a hash: `HSTRLEN key field`. O(1). */
  hStrLen(key: Bytes, field: Bytes): Promise<number>
  /** Returns all values of a hash: `HVALS key`. O(N) for N fields. */
  hVals(key: Bytes): Promise<string[]>
  /** As {@link hVals}, as bytes. */
  hValsBuffer(key: Bytes): Promise<Buffer[]>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2`. O(N*M) for strings of N and M bytes. */
  lcs(key1: Bytes, key2: Bytes): Promise<string>
  /** As {@link lcs}, as bytes. */
  lcsBuffer(key1: Bytes, key2: Bytes): Promise<Buffer>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 IDX [options]`. O(N*M) for strings of N and M bytes. */
  lcsIdx(key1: Bytes, key2: Bytes, options?: LcsOptions): Promise<LcsMatches>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 IDX [options] WITHMATCHLEN`. O(N*M) for strings of N and M bytes. */
  lcsIdxWithMatchLen(
    key1: Bytes,
    key2: Bytes,
    options?: LcsOptions,
  ): Promise<LcsMatches<[length: number]>>
  /** Finds the longest common subsequence of two strings: `LCS key1 key2 LEN`. O(N*M) for strings of N and M bytes. */
  lcsLen(key1: Bytes, key2: Bytes): Promise<number>
  /** Returns an item of a list by its index: `LINDEX key index`. O(log(N)) for a list of N items. */
  lIndex(key: Bytes, index: number): Promise<string | null>
  /** As {@link lIndex}, as bytes. */
  lIndexBuffer(key: Bytes, index: number): Promise<Buffer | null>
  /** Returns the number of items of a list: `LLEN key`. O(1). */
  lLen(key: Bytes): Promise<number>
  /** Returns where items of a list are that are equal to a value: `LPOS key element [options]`. O(N) for N items that are compared. */
  lPos(key: Bytes, element: Bytes, options?: LPosOptions): Promise<number | null>
  /** Returns where items of a list are that are equal to a value: `LPOS key element [options] COUNT count`. O(N) for N items that are compared. */
  lPosCount(key: Bytes, element: Bytes, count: number, options?: LPosOptions): Promise<number[]>
  /** Returns a range of the items of a list: `LRANGE key start stop`. O(log(N) + M) for M items of N. */
  lRange(key: Bytes, start: number, stop: number): Promise<string[]>
  /** As {@link lRange}, as bytes. */
  lRangeBuffer(key: Bytes, start: number, stop: number): Promise<Buffer[]>
  /** Returns the string values of several keys: `MGET keys ...`. O(N) for N keys. */
  mGet(keys: Bytes | readonly Bytes[]): Promise<(string | null)[]>
  /** As {@link mGet}, as bytes. */
  mGetBuffer(keys: Bytes | readonly Bytes[]): Promise<(Buffer | null)[]>
  /** Returns how the value of a key is encoded: `OBJECT ENCODING key`. O(1). */
  objectEncoding(key: Bytes): Promise<string | null>
  /** Returns how often a key is used, under a policy that counts it: `OBJECT FREQ key`. O(1). */
  objectFreq(key: Bytes): Promise<number | null>
  /** Returns how long a key was not used, where that is kept: `OBJECT IDLETIME key`. O(1). */
  objectIdleTime(key: Bytes): Promise<number | null>
  /** Returns how many references to the value of a key there are: `OBJECT REFCOUNT key`. O(1). */
  objectRefCount(key: Bytes): Promise<number | null>
  /** Returns the deadline of a key in milliseconds since 1970; -1 without deadline, -2 without key: `PEXPIRETIME key`. O(1). */
  pExpireTime(key: Bytes): Promise<number>
  /** Returns the time to live of a key in milliseconds; -1 without deadline, -2 without key: `PTTL key`. O(1). */
  pTTL(key: Bytes): Promise<number>
  /** Returns the number of members of a set: `SCARD key`. O(1). */
  sCard(key: Bytes): Promise<number>
  /** Returns the members of a set that none of several others has: `SDIFF keys ...`. O(N*M) for N members of the first of M sets. */
  sDiff(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sDiff}, as bytes. */
  sDiffBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Returns the members that all of several sets have: `SINTER keys ...`. O(N*M) for N members of the smallest of M sets. */
  sInter(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sInter}, as bytes. */
  sInterBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Returns how many members all of several sets have: `SINTERCARD keys [options]`. O(N*M) for N members of the smallest of M sets. */
  sInterCard(keys: Bytes | readonly Bytes[], options?: LimitOptions | number): Promise<number>
  /** Returns whether something is a member of a set: `SISMEMBER key member`. O(1). */
  sIsMember(key: Bytes, member: Bytes): Promise<number>
  /** Returns all members of a set: `SMEMBERS key`. O(N) for N members. */
  sMembers(key: Bytes): Promise<string[]>
  /** As {@link sMembers}, as bytes. */
  sMembersBuffer(key: Bytes): Promise<Buffer[]>
  /** Returns which of several things are members of a set: `SMISMEMBER key members ...`. O(N) for N members. */
  smIsMember(key: Bytes, members: Bytes | readonly Bytes[]): Promise<number[]>
  /** Returns members of a set at random: `SRANDMEMBER key`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sRandMember(key: Bytes): Promise<string | null>
  /** As {@link sRandMember}, as bytes. */
  sRandMemberBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns members of a set at random: `SRANDMEMBER key count`. O(N) for N members that are returned; O(M) for a set of M members when most are. */
  sRandMemberCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link sRandMemberCount}, as bytes. */
  sRandMemberCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns some of the members of a set, and where to go on: `SSCAN key cursor [options]`. O(1) for a call; O(N) for all N members. */
  sScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SetStep<string>>
  /** As {@link sScan}, as bytes. */
  sScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SetStep<Buffer>>
  /** Returns the length of a string value: `STRLEN key`. O(1). */
  strLen(key: Bytes): Promise<number>
  /** Returns the members that any of several sets has: `SUNION keys ...`. O(N*M) for N members of M sets. */
  sUnion(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link sUnion}, as bytes. */
  sUnionBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Counts how many of the keys exist and notes that they were used: `TOUCH keys ...`. O(N) for N keys. */
  touch(keys: Bytes | readonly Bytes[]): Promise<number>
  /** Returns the time to live of a key in seconds; -1 without deadline, -2 without key: `TTL key`. O(1). */
  ttl(key: Bytes): Promise<number>
  /** Returns the type of the value of a key: `TYPE key`. O(1). */
  type(key: Bytes): Promise<string>
  /** Returns the number of members of a sorted set: `ZCARD key`. O(1). */
  zCard(key: Bytes): Promise<number>
  /** Counts the members of a sorted set whose scores are in a range: `ZCOUNT key min max`. O(log(N)). */
  zCount(key: Bytes, min: Bytes | number, max: Bytes | number): Promise<number>
  /** Returns the members of a sorted set that are in none of others: `ZDIFF keys`. O(N * K * log(N)) for N members of the first of K. */
  zDiff(keys: Bytes | readonly Bytes[]): Promise<string[]>
  /** As {@link zDiff}, as bytes. */
  zDiffBuffer(keys: Bytes | readonly Bytes[]): Promise<Buffer[]>
  /** Returns the members of a sorted set that are in none of others: `ZDIFF keys WITHSCORES`. O(N * K * log(N)) for N members of the first of K. */
  zDiffWithScores(keys: Bytes | readonly Bytes[]): Promise<Scored<string>[]>
  /** As {@link zDiffWithScores}, as bytes. */
  zDiffWithScoresBuffer(keys: Bytes | readonly Bytes[]): Promise<Scored<Buffer>[]>
  /** Returns the members that are in all of several sorted sets: `ZINTER keys [options]`. O(N * K * log(N)) for N members of the smallest of K. */
  zInter(keys: WeightedKeys, options?: AggregateOptions): Promise<string[]>
  /** As {@link zInter}, as bytes. */
  zInterBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Buffer[]>
  /** Counts the members that are in all of several sorted sets: `ZINTERCARD keys [options]`. O(N * K) for N members of the smallest of K. */
  zInterCard(keys: Bytes | readonly Bytes[], options?: LimitOptions | number): Promise<number>
  /** Returns the members that are in all of several sorted sets: `ZINTER keys [options] WITHSCORES`. O(N * K * log(N)) for N members of the smallest of K. */
  zInterWithScores(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<string>[]>
  /** As {@link zInterWithScores}, as bytes. */
  zInterWithScoresBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<Buffer>[]>
  /** Counts the members of a sorted set that are in a range of the order of bytes: `ZLEXCOUNT key min max`. O(log(N)). */
  zLexCount(key: Bytes, min: Bytes, max: Bytes): Promise<number>
  /** Returns the scores of members of a sorted set: `ZMSCORE key members ...`. O(M) for M members. */
  zmScore(key: Bytes, members: Bytes | readonly Bytes[]): Promise<(number | null)[]>
  /** Returns random members of a sorted set: `ZRANDMEMBER key`. O(M * log(M)) for M members that are returned. */
  zRandMember(key: Bytes): Promise<string | null>
  /** As {@link zRandMember}, as bytes. */
  zRandMemberBuffer(key: Bytes): Promise<Buffer | null>
  /** Returns random members of a sorted set: `ZRANDMEMBER key count`. O(M * log(M)) for M members that are returned. */
  zRandMemberCount(key: Bytes, count: number): Promise<string[]>
  /** As {@link zRandMemberCount}, as bytes. */
  zRandMemberCountBuffer(key: Bytes, count: number): Promise<Buffer[]>
  /** Returns random members of a sorted set: `ZRANDMEMBER key count WITHSCORES`. O(M * log(M)) for M members that are returned. */
  zRandMemberCountWithScores(key: Bytes, count: number): Promise<Scored<string>[]>
  /** As {@link zRandMemberCountWithScores}, as bytes. */
  zRandMemberCountWithScoresBuffer(key: Bytes, count: number): Promise<Scored<Buffer>[]>
  /** Returns members of a sorted set in a range of ranks, of scores or of the order of bytes: `ZRANGE key min max [options]`. O(log(N) + M) for M members of N. */
  zRange(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<string[]>
  /** As {@link zRange}, as bytes. */
  zRangeBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Buffer[]>
  /** Returns the members of a sorted set that are in a range of the order of bytes: `ZRANGEBYLEX key min max [options]`. O(log(N) + M) for M members of N. */
  zRangeByLex(key: Bytes, min: Bytes, max: Bytes, options?: LimitedOptions): Promise<string[]>
  /** As {@link zRangeByLex}, as bytes. */
  zRangeByLexBuffer(key: Bytes, min: Bytes, max: Bytes, options?: LimitedOptions): Promise<Buffer[]>
  /** Returns the members of a sorted set whose scores are in a range: `ZRANGEBYSCORE key min max [options]`. O(log(N) + M) for M members of N. */
  zRangeByScore(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<string[]>
  /** As {@link zRangeByScore}, as bytes. */
  zRangeByScoreBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Buffer[]>
  /** Returns the members of a sorted set whose scores are in a range: `ZRANGEBYSCORE key min max [options] WITHSCORES`. O(log(N) + M) for M members of N. */
  zRangeByScoreWithScores(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Scored<string>[]>
  /** As {@link zRangeByScoreWithScores}, as bytes. */
  zRangeByScoreWithScoresBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: LimitedOptions,
  ): Promise<Scored<Buffer>[]>
  /** Returns members of a sorted set in a range of ranks, of scores or of the order of bytes: `ZRANGE key min max [options] WITHSCORES`. O(log(N) + M) for M members of N. */
  zRangeWithScores(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Scored<string>[]>
  /** As {@link zRangeWithScores}, as bytes. */
  zRangeWithScoresBuffer(
    key: Bytes,
    min: Bytes | number,
    max: Bytes | number,
    options?: ZRangeOptions,
  ): Promise<Scored<Buffer>[]>
  /** Returns the rank of a member of a sorted set: `ZRANK key member`. O(log(N)). */
  zRank(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns the rank of a member of a sorted set: `ZRANK key member WITHSCORE`. O(log(N)). */
  zRankWithScore(key: Bytes, member: Bytes): Promise<Ranked | null>
  /** Returns the rank of a member of a sorted set, the highest score first: `ZREVRANK key member`. O(log(N)). */
  zRevRank(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns some of the members of a sorted set, and where to go on: `ZSCAN key cursor [options]`. O(1) for a call; O(N) for all N members. */
  zScan(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SortedSetStep<string>>
  /** As {@link zScan}, as bytes. */
  zScanBuffer(key: Bytes, cursor: Bytes, options?: StepOptions): Promise<SortedSetStep<Buffer>>
  /** Returns the score of a member of a sorted set: `ZSCORE key member`. O(1). */
  zScore(key: Bytes, member: Bytes): Promise<number | null>
  /** Returns the members that are in any of several sorted sets: `ZUNION keys [options]`. O(N * log(N)) for N members of all. */
  zUnion(keys: WeightedKeys, options?: AggregateOptions): Promise<string[]>
  /** As {@link zUnion}, as bytes. */
  zUnionBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Buffer[]>
  /** Returns the members that are in any of several sorted sets: `ZUNION keys [options] WITHSCORES`. O(N * log(N)) for N members of all. */
  zUnionWithScores(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<string>[]>
  /** As {@link zUnionWithScores}, as bytes. */
  zUnionWithScoresBuffer(keys: WeightedKeys, options?: AggregateOptions): Promise<Scored<Buffer>[]>
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
 *   UTF-8 form (a lone surrogate) was given. The `Buffer` twins take and return any bytes. A command that has run
 *   has taken effect: what it replied is in `reply`.
 * - `ERR_INDEX_MISMATCH`: the index exists with other options than those asked for.
 * - `ERR_CONFLICT`: a transaction or update lost 16 races in a row, or a value that is in memory only was changed while
 *   it was read as a stream. Try again later.
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
  /**
   * Of `ERR_ENCODING`: what the command has replied, with a `Buffer` in place of each string, so that nothing is lost
   * that it took out of a list or set.
   */
  readonly reply?: unknown
  /** For the package itself; public because errors are. */
  constructor(
    code: ErrorCode,
    message: string,
    options?: {
      cause?: unknown
      reply?: unknown
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
/**
 * What goes when the data takes more than `maxMemory`: of all keys, or of those with a deadline, the ones
 * not used for the longest time (`lru`), used least often (`lfu`), or any; or those that expire first
 * (`volatile-ttl`). The names are those of Redis's `maxmemory-policy`. With `allkeys-group-lru` keys that
 * belong together, such as those of one session, go together: of the group that none was used of for the
 * longest time, all. `groupDepth` and `groupDelimiter` say what is a group.
 */
type Eviction =
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
interface OpenOptions {
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
interface MemoryOptions {
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

/** Options of {@link Batch.write} and {@link Database.setMany}. */
interface WriteOptions {
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}
/**
 * Changes that are made together, all or none; made by {@link Database.batch}. What a command replies is
 * not known: {@link Database.transaction} reads before it writes.
 *
 * @example
 * ```ts
 * await db.batch().set('a', '1').del('b').lPush('log', 'a').write()
 * ```
 */
declare class Batch extends ChangeCommands {
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

/** Events of an open store, with what their listeners are called with. */
interface DatabaseEvents {
  /**
   * The log has failed: a write or a sync that cannot be tried again without the risk of losing what was
   * acknowledged. Nothing is written any more until the store is opened again; reads go on. Told once.
   */
  error: [error: SkegError]
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
/** An argument of a command. */
type CommandArgument = Bytes | number | bigint
/** Options of {@link Database.call}: its last argument. */
interface CommandOptions {
  /** Calls the command off while it waits, as `BLPOP` does: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal
}
/** What {@link Database.call} takes behind the name of a command. */
type CallArguments = CommandArgument[] | [...words: CommandArgument[], options: CommandOptions]

/** What a key may hold. */
type KeyType = 'string' | 'hash' | 'list' | 'set' | 'zset'
/** Options of {@link Database.scan}. */
interface ScanOptions {
  /** Only keys that match this pattern: `*`, `?` and `[...]` as in Redis. */
  match?: string
  /** Only keys that hold a value of this type. */
  type?: KeyType
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
 * transaction's own changes; changes are made when the callback has ended. What a command would make of
 * a key that the transaction has changed before is not known until then: reading it is refused.
 */
declare class Transaction extends TransactionCommands {
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

/** Options of {@link Database.getStream}. */
interface GetStreamOptions {
  /**
   * The first byte.
   * @defaultValue 0
   */
  start?: number
  /**
   * The first byte that is not wanted any more; beyond the end of the value it is cut.
   * @defaultValue the end of the value
   */
  end?: number
  /** Destroys the stream with `ERR_ABORTED`. */
  signal?: AbortSignal
}
/**
 * The bytes of a value, or of a range of it, as they were when {@link Database.getStream} was called. They
 * are read as they are consumed, 256 KiB at a time and one such part ahead. While the stream is there, the disk space of
 * its value is not given back: destroy one that is not read to its end.
 */
declare class ValueStream extends Readable {
  #private
  /** Bytes of the whole value, also when only a range of it is read. */
  readonly size: number
  private constructor()
}

/** Options of {@link Database.setStream}: those of {@link Database.set}, but for `GET`, and a signal. */
interface SetStreamOptions extends Omit<SetOptions, 'GET'> {
  /** Gives the value up with `ERR_ABORTED`; once all of it is on the disk, it is set all the same. */
  signal?: AbortSignal
}
/** Pieces of a value, one after the other: a `Readable`, an async generator, an array. */
type ValueSource = AsyncIterable<Bytes> | Iterable<Bytes>

/** How near two vectors are. */
type Metric = 'cosine' | 'ip' | 'euclidean'
/**
 * How the vectors of an index are coded. A search goes over the codes, and compares what they leave with
 * the vectors themselves: scores are exact in every tier.
 *
 * - `f32`: as they are, 4 bytes a number. With the backend `auto` or `flat` all of them stay in memory.
 * - `int8`: a byte a number.
 * - `binary`: the signs, a bit a number.
 * - `pq`: a bit a number, after a rotation: 16 words for each four numbers, learned from a sample of the vectors.
 * - `tq1`, `tq2`, `tq4`: 1, 2 or 4 bits a number, after a rotation.
 */
type Tier = 'f32' | 'int8' | 'binary' | 'pq' | 'tq1' | 'tq2' | 'tq4'
/**
 * What finds the nearest vectors.
 *
 * - `auto`: what suits the index best.
 * - `flat`: a scan of all codes.
 * - `disk`: vectors go to disk, also those of the tier `f32`.
 * - `ephemeral`: an exact scan, all in memory, and empty when the store is opened again.
 */
type Backend = 'auto' | 'flat' | 'disk' | 'ephemeral'
/** Options of a new index; an index that exists must have the same, but for a tier and a backend left out. */
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
   * How vectors are coded. Those that are in memory, the latest few megabytes of them, are searched as
   * they are; the others lie on disk, with only their codes in memory.
   * @defaultValue what the index has, `'tq2'` for a new one
   */
  tier?: Tier
  /**
   * How they are searched.
   * @defaultValue what the index has, `'auto'` for a new one
   */
  backend?: Backend
  /**
   * Bytes of memory that the index may take: vectors in memory, codes and graphs, by `info()`'s measure.
   * Writes that would pass it reject with `ERR_OUT_OF_MEMORY`.
   * @defaultValue what the index has, 0 (no limit) for a new one
   */
  maxMemory?: number
  /**
   * Parts that the index is spread over, each on a shard of its own while there are shards enough: writes of
   * different parts do not wait for each other, and a search looks at all of them side by side.
   * @defaultValue what the index has, 1 for a new one
   */
  partitions?: number
}
/** How far a segment is that is being built. */
interface ConsolidateProgress {
  /** Vectors written so far. */
  written: number
  /** Vectors that it will have, at most. */
  vectors: number
  /**
   * Vectors whose neighbours in its graph were chosen so far, if it is to have one: that comes when all are
   * written, and takes most of the time.
   */
  linked?: number
}
/** Options of {@link VectorIndex.consolidate}. */
interface ConsolidateOptions {
  /** Gives up when it is aborted; the index stays as it was. */
  signal?: AbortSignal
  /** Called now and then. What it throws rejects the promise; the work goes on. */
  onProgress?: (progress: ConsolidateProgress) => void
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
  /** How vectors are coded. */
  tier: Tier
  /** How they are searched. */
  backend: Backend
  /** In how many parts it is. */
  partitions: number
  /** How many vectors it holds. */
  vectors: number
  /** Of them, those that are in memory and in no segment. */
  vectorsInMemory: number
  /** Of them, those that are in segments on disk. */
  vectorsInSegments: number
  /** Files on disk. */
  segments: number
  /** Rows in segments that were replaced or deleted. */
  deadRows: number
  /** Bytes of memory that the index takes: vectors in memory, codes, ids. */
  memoryBytes: number
  /** Bytes of memory that it may take, 0 without a limit. */
  maxMemory: number
  /** Bytes of its segments. */
  diskBytes: number
  /**
   * What becomes of its segments: nothing (`ready`), vectors in memory wait to be written (`due`), a
   * segment is being built (`building`), or vectors come faster than they are written (`behind`): then
   * promises of writes wait.
   */
  state: 'ready' | 'due' | 'building' | 'behind'
  /** How far the segment is that is being built. */
  progress?: ConsolidateProgress
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
  /**
   * How many candidates the walk of a graph keeps. A scan looks at every code and has no use for it.
   * @defaultValue what suits `k`
   */
  l?: number
  /**
   * How many vectors are read from disk and compared exactly, at most: `k` when it is less. Fewer are
   * faster and miss more.
   * @defaultValue as many as the error bounds of the codes leave
   */
  rerank?: number
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
  /**
   * Several searches at once, faster than one after the other: `queries` has their vectors, one after the
   * other. All of them see the same vectors.
   *
   * @example
   * ```ts
   * const { ids, scores, offsets } = await docs.searchMany([...query, ...embedding], { k: 10 })
   * const ofSecond = ids.slice(offsets[1], offsets[2])
   * ```
   */
  searchMany(queries: Vector, options?: SearchOptions): Promise<ManyHits<Id>>
  /**
   * Makes one segment of all vectors of the index, without those that were replaced or deleted, and
   * resolves when it is in its place; if they are many, with a graph. Searches and writes go on meanwhile, and
   * what is written then stays apart. The store does the like by itself, without graphs; this is for an index
   * that is complete.
   *
   * @example
   * ```ts
   * await docs.consolidate({ signal: AbortSignal.timeout(60_000) })
   * ```
   */
  consolidate(options?: ConsolidateOptions): Promise<void>
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
declare class Database extends Commands implements AsyncDisposable {
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
  getStream(key: Bytes, options?: GetStreamOptions): Promise<ValueStream | null>
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
  setStream(key: Bytes, source: ValueSource, options?: SetStreamOptions): Promise<boolean>
  /** Sets a key that must not be there: otherwise rejects with `ERR_KEY_EXISTS`. */
  insert(key: Bytes, value: Bytes, options?: Omit<SetOptions, 'GET'>): Promise<void>
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
  call(command: string, ...args: CallArguments): Promise<Reply>
  /** As {@link call}, with strings in the reply as bytes. */
  callBuffer(command: string, ...args: CallArguments): Promise<Reply>
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
  /**
   * Resolves when every call made before has taken effect and is on disk, but for those that wait for
   * a key.
   */
  flush(): Promise<void>
  /**
   * Takes a snapshot of what every call made before has left, and resolves when it is on disk: opening
   * the store then reads the snapshot and no more of the log than what came after it. Snapshots are also
   * taken by themselves, when the log is half as large as the last one or as `snapshotEvery` says.
   */
  snapshot(): Promise<void>
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
  backup(directory: string, options?: BackupOptions): Promise<Backup>
  /**
   * Resolves when every call made before has settled, but for those that wait for a key: what to wait
   * for after `ERR_BUSY`.
   */
  drain(): Promise<void>
  /** What is unsettled now. */
  get pressure(): Pressure
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
  on<E extends keyof DatabaseEvents>(event: E, listener: (...args: DatabaseEvents[E]) => void): this
  /** Ends what {@link on} has begun for this listener. */
  off<E extends keyof DatabaseEvents>(
    event: E,
    listener: (...args: DatabaseEvents[E]) => void,
  ): this
  /**
   * Closes the store: calls made before settle, later ones reject with `ERR_CLOSED`, and so do those
   * that wait for a key. Other threads
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

/** Options of {@link serve}: those of `skeg serve`. */
interface ServeOptions {
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

/** A server process, started by {@link serve}. */
declare class StandaloneServer implements AsyncDisposable {
  #private
  /** The (first) address that it listens on; empty when it listens on a Unix socket only. */
  readonly host: string
  /** The TCP port that it listens on; 0 when it listens on a Unix socket only. */
  readonly port: number
  /** The Unix socket that it listens on; empty when there is none. */
  readonly unixSocket: string
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
  ChangeCommands,
  Commands,
  Database,
  Server,
  SkegError,
  StandaloneServer,
  Subscription,
  Transaction,
  TransactionCommands,
  ValueStream,
  VectorIndex,
  executablePath,
  open,
  serve,
  version,
}
export type {
  AggregateOptions,
  Backend,
  Backup,
  BackupOptions,
  BitCountOptions,
  BitField,
  BitFieldEncoding,
  BitFieldGet,
  BitFieldIncrBy,
  BitFieldOperation,
  BitFieldOverflow,
  BitFieldSet,
  Bytes,
  CallArguments,
  Change,
  ChangeOptions,
  Channels,
  CommandArgument,
  CommandOptions,
  ConsolidateOptions,
  ConsolidateProgress,
  CopyOptions,
  CountOptions,
  DatabaseEvents,
  Durability,
  Entries,
  Entry,
  ErrorCode,
  Eviction,
  Fields,
  GetExOptions,
  GetStreamOptions,
  HashStep,
  Hit,
  IndexInfo,
  IndexOptions,
  KeyType,
  LPosOptions,
  LcsMatches,
  LcsOptions,
  Limit,
  LimitOptions,
  LimitedOptions,
  ListenOptions,
  ManyHits,
  MemoryOptions,
  Message,
  Metric,
  OpenOptions,
  Patterns,
  PoppedElement,
  PoppedMember,
  PoppedMembers,
  Pressure,
  Ranked,
  Reply,
  RestoreOptions,
  SamplesOptions,
  ScanOptions,
  Scored,
  SearchOptions,
  ServeOptions,
  SetOptions,
  SetStep,
  SetStreamOptions,
  SnapshotEvery,
  SortOptions,
  SortedSetStep,
  Stats,
  StepOptions,
  SubscribeOptions,
  Tier,
  TransactionIndex,
  ValueSource,
  Vector,
  VectorId,
  VectorWriteOptions,
  WaitCountOptions,
  WaitOptions,
  WeightedKey,
  WeightedKeys,
  WriteOptions,
  ZAddOptions,
  ZRangeOptions,
}
