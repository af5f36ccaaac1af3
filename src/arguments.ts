// What the methods of commands take, as the words of a command. Whatever would be refused for its own
// sake is refused here: a change of a transaction has to fail before any is made.

import type { Bytes } from './bytes.ts'
import { expected } from './options.ts'
import type { Scored } from './replies.ts'

/** Fields of a hash and their values: one pair, an object, a `Map`, or pairs in an array. */
export type Fields =
  | [field: Bytes | number, value: Bytes | number]
  | [
      fields:
        | Record<string, Bytes | number>
        | ReadonlyMap<Bytes | number, Bytes | number>
        | readonly (readonly [field: Bytes | number, value: Bytes | number])[]
        | readonly (Bytes | number)[],
    ]

/** Keys and their values: an object, or pairs in an array. */
export type Entries =
  Record<string, Bytes> | readonly (readonly [key: Bytes, value: Bytes])[] | readonly Bytes[]

/** A sorted set (or set) to be combined with others, whose scores count so many times. */
export interface WeightedKey {
  /** The key. */
  key: Bytes
  /** What its scores are multiplied by. */
  weight: number
}

/** Sets to be combined: keys alone, or all of them with weights. */
export type WeightedKeys = Bytes | WeightedKey | readonly Bytes[] | readonly WeightedKey[]

/** The type of an integer within a string: `i` (with a sign) or `u`, and how many bits it has; at most 64 and 63. */
export type BitFieldEncoding = `${'i' | 'u'}${number}`

/** An integer within a string. */
export interface BitField {
  /** Its type. */
  encoding: BitFieldEncoding
  /** Its first bit; behind a `#` a number of such integers. */
  offset: number | string
}

/** Returns an integer within a string. */
export interface BitFieldGet extends BitField {
  /** This one. */
  operation: 'GET'
}

/** Sets an integer within a string, and returns what it was. */
export interface BitFieldSet extends BitField {
  /** This one. */
  operation: 'SET'
  /** What it becomes. */
  value: number | bigint
}

/** Adds to an integer within a string, and returns what it is then. */
export interface BitFieldIncrBy extends BitField {
  /** This one. */
  operation: 'INCRBY'
  /** What is added. */
  increment: number | bigint
}

/** What becomes of results of the operations behind it that do not fit. */
export interface BitFieldOverflow {
  /** This one. */
  operation: 'OVERFLOW'
  /** Their low bits, the nearest that fits, or no change and null. */
  behavior: 'WRAP' | 'SAT' | 'FAIL'
}

/** What {@link Commands.bitField} does, in order. */
export type BitFieldOperation = BitFieldGet | BitFieldSet | BitFieldIncrBy | BitFieldOverflow

const isBytes = (value: unknown): value is Bytes =>
  typeof value === 'string' || value instanceof Uint8Array

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value)

/** A string, bytes or a number as a word. */
function word(name: string, value: unknown): Bytes {
  if (isBytes(value)) return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  throw expected(name, 'a string or bytes')
}

/** One value, or several. */
export function list(values: Bytes | readonly Bytes[]): readonly Bytes[] {
  if (isBytes(values)) return [values]
  if (!isList(values)) throw expected('an argument', 'a string, bytes, or an array of them')
  return values
}

/** How many there are, and they. */
export function counted(values: Bytes | readonly Bytes[]): Bytes[] {
  const all = list(values)
  return [String(all.length), ...all]
}

/** Flat pairs of an object, a map, or of arrays that may be flat already. */
function pairs(what: string, value: unknown): Bytes[] {
  let words: unknown[]
  if (value instanceof Map) words = [...(value as Map<unknown, unknown>)].flat()
  else if (isList(value)) words = value.flat()
  else if (typeof value === 'object' && value !== null && !isBytes(value)) {
    words = Object.entries(value).flat()
  } else throw expected(what, 'an object, a map or an array')
  if (words.length === 0 || words.length % 2 !== 0) throw expected(what, 'pairs, at least one')
  return words.map((part) => word(what, part))
}

export function fields(given: Fields): Bytes[] {
  const [first, value] = given
  if (value === undefined) return pairs('fields', first)
  return [word('field', first), word('value', value)]
}

export function entries(given: Entries): Bytes[] {
  return pairs('entries', given)
}

export function entryKeys(given: Entries): Bytes[] {
  return pairs('entries', given).filter((_, at) => at % 2 === 0)
}

/** Members of a sorted set behind their scores. */
export function members(given: Scored<Bytes> | readonly Scored<Bytes>[]): Bytes[] {
  const all: readonly unknown[] = isList(given) ? given : [given]
  if (all.length === 0) throw expected('members', 'at least one')
  return all.flatMap((member) => {
    if (typeof member !== 'object' || member === null) throw expected('a member', 'an object')
    const { score, value } = member as Scored<Bytes>
    return [float(score), word('value', value)]
  })
}

const isWeighted = (key: Bytes | WeightedKey): key is WeightedKey => !isBytes(key)

function weightedList(given: WeightedKeys): readonly (Bytes | WeightedKey)[] {
  return isList(given) ? given : [given]
}

export function weightedKeys(given: WeightedKeys): Bytes[] {
  return weightedList(given).map((key) => (isWeighted(key) ? key.key : key))
}

/** Keys behind their number, and their weights. */
export function weighted(given: WeightedKeys): Bytes[] {
  const keys = counted(weightedKeys(given))
  const all = weightedList(given)
  if (!all.some(isWeighted)) return keys
  return [...keys, 'WEIGHTS', ...all.map((key) => float(isWeighted(key) ? key.weight : 1))]
}

/** A whole number that a double holds exactly. */
export function integer(value: number): string {
  if (Number.isSafeInteger(value)) return String(value)
  throw expected('an argument', 'a whole number')
}

export function natural(value: number): string {
  if (value >= 0) return integer(value)
  throw expected('an argument', 'a whole number, at least 0')
}

export function increment(value: number | bigint): string {
  return typeof value === 'bigint' ? String(value) : integer(value)
}

/** A number, as `strtod` reads it. */
export function float(value: number): string {
  if (typeof value !== 'number' || Number.isNaN(value)) throw expected('an argument', 'a number')
  if (Number.isFinite(value)) return String(value)
  return value > 0 ? '+inf' : '-inf'
}

/** The end of a range: a number, or what the command has for ends that belong to it or not. */
export function bound(value: Bytes | number): Bytes {
  return typeof value === 'number' ? float(value) : word('the end of a range', value)
}

/** The end of a range of scores, certainly. */
export function scoreBound(value: string | number): string {
  if (typeof value === 'number') return float(value)
  const score = /^\(?([+-]?inf(?:inity)?|.+)$/i.exec(value)?.[1]
  const isInfinite = score !== undefined && /inf/i.test(score)
  if (score !== undefined && (isInfinite || Number.isFinite(Number(score)))) return value
  throw expected('the end of a range', "a score, '(' before it when it does not belong to it")
}

/** The end of a range of members, certainly. */
export function lexBound(value: Bytes): Bytes {
  const text = typeof value === 'string' ? value : Buffer.from(value).toString('latin1')
  if (/^(?:[[(][^]*|[+-])$/.test(text)) return value
  throw expected('the end of a range', "'-', '+', or a member behind '[' or '('")
}

/** Unix seconds. */
export function seconds(value: number | Date): string {
  return integer(value instanceof Date ? Math.floor(value.getTime() / 1_000) : value)
}

/** Unix milliseconds. */
export function milliseconds(value: number | Date): string {
  return integer(value instanceof Date ? value.getTime() : value)
}

/** One of a few words. */
export function oneOf(value: string, words: readonly string[]): string {
  if (words.includes(value)) return value
  throw expected('an argument', `one of ${words.join(', ')}`)
}

export function bit(value: 0 | 1): string {
  return oneOf(String(value), ['0', '1'])
}

function field({ encoding, offset }: BitField): Bytes[] {
  return [word('encoding', encoding), typeof offset === 'number' ? natural(offset) : offset]
}

/** The words of operations on integers within a string. */
export function bitField(operations: readonly BitFieldOperation[]): Bytes[] {
  return operations.flatMap((one) => {
    switch (one.operation) {
      case 'GET':
        return ['GET', ...field(one)]
      case 'SET':
        return ['SET', ...field(one), increment(one.value)]
      case 'INCRBY':
        return ['INCRBY', ...field(one), increment(one.increment)]
      case 'OVERFLOW':
        return ['OVERFLOW', oneOf(one.behavior, ['WRAP', 'SAT', 'FAIL'])]
      default:
        throw expected('an operation', 'GET, SET, INCRBY or OVERFLOW')
    }
  })
}

export function bitFieldRo(fields: readonly BitField[]): Bytes[] {
  return fields.flatMap((one) => ['GET', ...field(one)])
}
