// What commands reply, in the shapes that node-redis has for it. Replies come from the addon as arrays,
// objects (of RESP3's maps), numbers (bigint beyond 2^53), strings or Buffers, and null.

/** A member of a sorted set. */
export interface Scored<V> {
  /** The member. */
  value: V
  /** Its score. */
  score: number
}

/** A field of a hash. */
export interface Entry<V> {
  /** The field. */
  field: V
  /** Its value. */
  value: V
}

/** Where two strings are alike. */
export interface LcsMatches<Length extends number[] = []> {
  /** Ranges of both, from the last to the first. */
  matches: [first: [start: number, end: number], second: [start: number, end: number], ...Length][]
  /** How many bytes are alike. */
  len: number
}

/** The rank of a member of a sorted set, and its score. */
export interface Ranked {
  /** How many members come before it. */
  rank: number
  /** Its score. */
  score: number
}

/** What was popped from the first list that had any. */
export interface PoppedElement<V> {
  /** Its key. */
  key: V
  /** The element that is gone. */
  element: V
}

/** The member that was popped from the first sorted set that had any. */
export interface PoppedMember<V> extends Scored<V> {
  /** Its key. */
  key: V
}

/** What was popped from the first sorted set that had any. */
export interface PoppedMembers<V> {
  /** Its key. */
  key: V
  /** Its members that are gone. */
  members: Scored<V>[]
}

/** A step of a walk over a hash. */
export interface HashStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Fields and their values. */
  entries: Entry<V>[]
}

/** A step of a walk over a set. */
export interface SetStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Members. */
  members: V[]
}

/** A step of a walk over a sorted set. */
export interface SortedSetStep<V> {
  /** Where the next step begins; `'0'` when this was the last. */
  cursor: string
  /** Members and their scores. */
  members: Scored<V>[]
}

type Pair<V> = [value: V, score: number]

/** Integers beyond 2^53 lose digits, as they do in node-redis; {@link Database.call} keeps them. */
export function number(reply: unknown): number {
  return Number(reply)
}

export function numberOrNull(reply: unknown): number | null {
  return reply === null ? null : Number(reply)
}

export function integers(reply: unknown): number[] {
  return (reply as unknown[]).map(number)
}

export function integersOrNull(reply: unknown): (number | null)[] {
  return (reply as unknown[]).map(numberOrNull)
}

export function pairs<V>(reply: unknown): Entry<V>[] {
  return (reply as [V, V][]).map(([field, value]) => ({ field, value }))
}

export function scored<V>(reply: unknown): Scored<V>[] {
  return (reply as Pair<V>[]).map(([value, score]) => ({ value, score }))
}

/** The member of a reply that has one, or none. */
export function member<V>(reply: unknown): Scored<V> | null {
  const [value, score] = reply as Partial<Pair<V>>
  return value === undefined || score === undefined ? null : { value, score }
}

export function rank(reply: unknown): Ranked | null {
  if (reply === null) return null
  const [rank, score] = reply as [number, number]
  return { rank, score }
}

export function poppedElement<V>(reply: unknown): PoppedElement<V> | null {
  if (reply === null) return null
  const [key, element] = reply as [V, V]
  return { key, element }
}

export function poppedMember<V>(reply: unknown): PoppedMember<V> | null {
  if (reply === null) return null
  const [key, value, score] = reply as [V, V, number]
  return { key, value, score }
}

export function poppedMembers<V>(reply: unknown): PoppedMembers<V> | null {
  if (reply === null) return null
  const [key, members] = reply as [V, Pair<V>[]]
  return { key, members: scored(members) }
}

/** Names and numbers that come in turns, or as a map. */
export function counts(reply: unknown): Record<string, number> {
  if (!Array.isArray(reply)) return reply as Record<string, number>
  return Object.fromEntries(inPairs(reply).map(([name, count]) => [String(name), Number(count)]))
}

type Scan<V> = [cursor: string | Buffer, elements: V[]]

export function hashScan<V>(reply: unknown): HashStep<V> {
  const [cursor, elements] = reply as Scan<V>
  return { cursor: String(cursor), entries: pairs(inPairs(elements)) }
}

export function setScan<V>(reply: unknown): SetStep<V> {
  const [cursor, members] = reply as Scan<V>
  return { cursor: String(cursor), members }
}

export function sortedSetScan<V>(reply: unknown): SortedSetStep<V> {
  const [cursor, elements] = reply as Scan<V>
  const members = inPairs(elements).map(([value, score]) => ({ value, score: toScore(score) }))
  return { cursor: String(cursor), members }
}

/** ZSCAN's scores are strings. */
function toScore(score: unknown): number {
  const text = String(score)
  return text.includes('inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text)
}

function inPairs<T>(elements: readonly T[]): [T, T][] {
  const pairs: [T, T][] = []
  for (let at = 0; at + 1 < elements.length; at += 2) {
    pairs.push([elements[at] as T, elements[at + 1] as T])
  }
  return pairs
}
