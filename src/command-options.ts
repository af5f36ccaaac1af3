// Options of the methods of commands, by node-redis's names, and the words that they stand for.

import { integer, milliseconds, oneOf, seconds } from './arguments.ts'
import type { Bytes } from './bytes.ts'
import { checkKeys, expected } from './options.ts'

/** Part of what there is: `count` elements behind the first `offset`. */
export interface Limit {
  /** How many to leave out. */
  offset: number
  /** How many at most; all of them when it is negative. */
  count: number
}

/** Part of a string for {@link Commands.bitCount}; negative numbers count from the end. */
export interface BitCountOptions {
  /** The first byte, or bit. */
  start: number
  /** The last. */
  end: number
  /** What is counted; bytes by default. */
  mode?: 'BYTE' | 'BIT'
}

/** Options of {@link Commands.copy}. */
export interface CopyOptions {
  /** Overwrite what the destination holds. */
  REPLACE?: boolean
}

/** Options of commands that pop from the first of several keys. */
export interface CountOptions {
  /** How many elements at most; one by default. */
  COUNT?: number
}

/** Options of commands that wait. */
export interface WaitOptions {
  /** Calls the command off while it waits: it rejects with `ERR_ABORTED`. */
  signal?: AbortSignal
}

/** Options of commands that wait, and pop from the first of several keys. */
export interface WaitCountOptions extends CountOptions, WaitOptions {}

/** Options of {@link Commands.getEx}: what becomes of the deadline of the key. One of them. */
export type GetExOptions =
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
export interface LcsOptions {
  /** Leave out shorter matches. */
  MINMATCHLEN?: number
}

/** Options of {@link Commands.lPos}. */
export interface LPosOptions {
  /** Start with the match of this number; from the tail when it is negative. */
  RANK?: number
  /** Compare so many elements at most. */
  MAXLEN?: number
}

/** Options of commands that count what several sets have in common. */
export interface LimitOptions {
  /** Stop counting there. */
  LIMIT?: number
}

/** Options of commands that return part of a range. */
export interface LimitedOptions {
  /** Which part. */
  LIMIT?: Limit
}

/** Options of {@link Commands.restore}. */
export interface RestoreOptions {
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
export interface SamplesOptions {
  /** How many elements of a collection to look at. */
  SAMPLES?: number
}

/** Options of commands that walk over a collection in steps. */
export interface StepOptions {
  /** Only what matches this pattern. */
  MATCH?: string
  /** About how many elements a step looks at. */
  COUNT?: number
}

/** Options of {@link Commands.sort}. */
export interface SortOptions {
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
export interface ZAddOptions {
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
export interface ZRangeOptions {
  /** Ends are scores, or members; by default ranks. */
  BY?: 'SCORE' | 'LEX'
  /** From the highest to the lowest. */
  REV?: boolean
  /** Which part of the range; of scores and members only. */
  LIMIT?: Limit
}

/** Options of commands that combine sorted sets. */
export interface AggregateOptions {
  /** What becomes of the scores of a member of several sets; they are added up by default. */
  AGGREGATE?: 'SUM' | 'MIN' | 'MAX'
}

/** The words of an option's value. */
type Words = (value: never, name: string) => readonly Bytes[]

const flag: Words = (value: boolean, name) => (value ? [name] : [])
const whole: Words = (value: number, name) => [name, integer(value)]
const bytes: Words = (value: Bytes, name) => [name, value]
const part: Words = (value: Limit, name) => [name, integer(value.offset), integer(value.count)]
const word =
  (prefix: string, ...words: string[]): Words =>
  (value: string) => [`${prefix}${oneOf(value, words)}`]

/** Reads options by a table of their names, in the order of their words. */
function reader<T extends object>(table: { [Name in keyof T]-?: Words }): Reader<T> {
  const known: [name: string, words: Words][] = Object.entries(table)
  const names = known.map(([name]) => name)
  return (options) => {
    if (options === undefined) return []
    checkKeys('the options', options, names)
    const given = new Map<string, unknown>(Object.entries(options))
    return known.flatMap(([name, words]) => {
      const value = given.get(name)
      return value === undefined ? [] : words(value as never, name)
    })
  }
}

type Reader<T> = (options: T | undefined) => Bytes[]

export const copy = reader<CopyOptions>({ REPLACE: flag })
export const count = reader<CountOptions>({ COUNT: whole })
// The signal is no word of the command.
export const wait = reader<WaitOptions>({ signal: () => [] })
export const waitCount = reader<WaitCountOptions>({ COUNT: whole, signal: () => [] })
export const lcs = reader<LcsOptions>({ MINMATCHLEN: whole })
export const lPos = reader<LPosOptions>({ RANK: whole, MAXLEN: whole })
export const limited = reader<LimitedOptions>({ LIMIT: part })
export const samples = reader<SamplesOptions>({ SAMPLES: whole })
export const scan = reader<StepOptions>({ MATCH: bytes, COUNT: whole })
export const zRange = reader<ZRangeOptions>({
  BY: word('BY', 'SCORE', 'LEX'),
  REV: flag,
  LIMIT: part,
})
export const aggregate = reader<AggregateOptions>({
  AGGREGATE: (value: string, name) => [name, oneOf(value, ['SUM', 'MIN', 'MAX'])],
})
export const restore = reader<RestoreOptions>({
  REPLACE: flag,
  ABSTTL: flag,
  IDLETIME: whole,
  FREQ: whole,
})
export const sort = reader<SortOptions>({
  BY: bytes,
  LIMIT: part,
  GET: (value: Bytes | readonly Bytes[], name) => [value].flat().flatMap((part) => [name, part]),
  DIRECTION: word('', 'ASC', 'DESC'),
  ALPHA: flag,
})

/** A number alone is the limit, as in node-redis. */
export function limit(options: LimitOptions | number = {}): Bytes[] {
  const { LIMIT } = typeof options === 'number' ? { LIMIT: options } : options
  return LIMIT === undefined ? [] : ['LIMIT', integer(LIMIT)]
}

const bitCountWords = reader<BitCountOptions>({
  start: (value: number) => [integer(value)],
  end: (value: number) => [integer(value)],
  mode: word('', 'BYTE', 'BIT'),
})

export function bitCount(part: BitCountOptions | undefined): Bytes[] {
  if (part === undefined || ('start' in part && 'end' in part)) return bitCountWords(part)
  throw expected('the part of the string', 'an object with a start and an end')
}

const zAddWords = reader<ZAddOptions>({
  condition: word('', 'NX', 'XX'),
  NX: flag,
  XX: flag,
  comparison: word('', 'LT', 'GT'),
  LT: flag,
  GT: flag,
  CH: flag,
})

export function zAdd(options: ZAddOptions | undefined): Bytes[] {
  const words = [...new Set(zAddWords(options))]
  const conditions = words.filter((word) => word !== 'CH' && word !== 'XX')
  if (conditions.length > 1 || (words.includes('NX') && words.includes('XX'))) {
    throw expected('the options of zAdd', 'at most one of NX, GT and LT, and not NX with XX')
  }
  return words
}

export function getEx(options: GetExOptions): Bytes[] {
  const flat =
    'type' in options ? { [options.type]: 'value' in options ? options.value : true } : options
  return getExWords(flat)
}

const getExWords = reader<Record<string, unknown>>({
  EX: whole,
  PX: whole,
  EXAT: (value: number | Date, name) => [name, seconds(value)],
  PXAT: (value: number | Date, name) => [name, milliseconds(value)],
  PERSIST: flag,
})
