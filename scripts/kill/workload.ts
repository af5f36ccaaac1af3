/**
 * What each writer does, and what a store must hold when a writer has got so far. A writer's
 * operations are numbered from 1 and done in order; the number alone says which operation it is. So
 * whatever a kill leaves must be what the first so many operations give, for every writer.
 */

/** An operation on a store. `pair` and `total` each change two keys of two shards, or none. */
export type Kind = 'count' | 'append' | 'set' | 'pair' | 'vector' | 'total'

const KINDS: readonly Kind[] = ['count', 'append', 'set', 'pair', 'vector', 'total']

/** Characters of an entry of a writer's list. */
export const ENTRY_LENGTH = 8

export const INDEX = 'seen'
export const DIMENSION = 4
export const TOTAL = 'total'

/** The key that a writer of its own sets to one large value after the other, each in pieces. */
export const STREAMED = 'streamed'
/** Larger than what is written like any other value: each of these has a file of its own. */
const STREAMED_BYTES = 2 ** 20 + 1
const PIECE_BYTES = 100_000

/** The keys of a writer. */
export const keyOf = {
  count: (writer: number): string => `count:${writer}`,
  list: (writer: number): string => `list:${writer}`,
  last: (writer: number): string => `last:${writer}`,
  left: (writer: number): string => `left:${writer}`,
  right: (writer: number): string => `right:${writer}`,
  mine: (writer: number): string => `mine:${writer}`,
}

export function kindOf(operation: number): Kind {
  return KINDS[operation % KINDS.length] ?? 'count'
}

/** How many of the first `operations` are of a kind. */
export function countOf(kind: Kind, operations: number): number {
  const first = KINDS.indexOf(kind) || KINDS.length
  return operations < first ? 0 : Math.floor((operations - first) / KINDS.length) + 1
}

/** The last of the first `operations` that is of a kind; 0 if there is none. */
export function lastOf(kind: Kind, operations: number): number {
  const first = KINDS.indexOf(kind) || KINDS.length
  const count = countOf(kind, operations)
  return count === 0 ? 0 : first + (count - 1) * KINDS.length
}

export function entryOf(operation: number): string {
  return `${operation} `.padStart(ENTRY_LENGTH, '0')
}

/** Of many lengths, so that blocks of the log end anywhere. */
export function valueOf(operation: number): string {
  return `${operation}:`.padEnd(10 + ((operation * 37) % 900), 'x')
}

/** The large value of an operation. */
export function streamedOf(operation: number): Buffer {
  return Buffer.alloc(STREAMED_BYTES + ((operation * 7_919) % 2 ** 19), `${operation} `)
}

export function* piecesOf(value: Buffer): Generator<Buffer> {
  for (let at = 0; at < value.length; at += PIECE_BYTES) yield value.subarray(at, at + PIECE_BYTES)
}

/** How many large values the store was given: the one that is there is the last of them, or it is an error. */
export function streamedIn(found: Buffer | null, { sent, acknowledged }: Progress): number {
  for (let operations = acknowledged; operations <= sent; operations++) {
    const expected = operations === 0 ? null : streamedOf(operations)
    if (expected === null ? found === null : found !== null && expected.equals(found))
      return operations
  }
  const what =
    found === null ? 'none' : `${found.length} bytes, ${found.toString('latin1', 0, 12)}...`
  throw new Error(`the large value is none between ${acknowledged} and ${sent}: ${what}`)
}

export function vectorOf(operation: number): Float32Array {
  return Float32Array.of(operation, 1, -operation, 0.5)
}

/** What a store holds of one writer. */
export interface Found {
  count: string | null
  list: string | null
  last: string | null
  left: string | null
  right: string | null
  mine: string | null
  vector: Float32Array | null
}

/** What it must hold after the first `operations`. */
export function expectedAfter(operations: number): Found {
  const number = (kind: Kind): string | null => {
    const count = countOf(kind, operations)
    return count === 0 ? null : String(count)
  }
  const appends = Array.from({ length: countOf('append', operations) }, (_, at) =>
    entryOf(1 + at * KINDS.length),
  )
  const set = lastOf('set', operations)
  const vector = lastOf('vector', operations)
  return {
    count: number('count'),
    list: appends.length === 0 ? null : appends.join(''),
    last: set === 0 ? null : valueOf(set),
    left: number('pair'),
    right: number('pair'),
    mine: number('total'),
    vector: vector === 0 ? null : vectorOf(vector),
  }
}

/** What a writer has sent and what of it was acknowledged: numbers of its last operations. */
export interface Progress {
  sent: number
  acknowledged: number
}

/** How a store is loaded, and ended in the middle of that. */
export interface Load {
  data: string
  durability: 'kernel' | 'disk'
  writers: Progress[]
  /** Of the large values. */
  streamed: Progress
  /** Until when. */
  moment: () => Promise<void>
  signal: NodeJS.Signals
}

/** The first difference between two states of a writer. */
export function difference(expected: Found, found: Found): string | undefined {
  const text = (value: string | Float32Array | null): string => {
    if (value === null) return 'nothing'
    if (typeof value !== 'string') return `[${value.join(', ')}]`
    return value.length > 40 ? `${value.length} characters, ...${value.slice(-24)}` : value
  }
  for (const name of Object.keys(expected) as (keyof Found)[]) {
    const [want, have] = [expected[name], found[name]]
    const same =
      want instanceof Float32Array && have instanceof Float32Array
        ? want.every((number, at) => number === have[at])
        : want === have
    if (!same) return `${name}: expected ${text(want)}, found ${text(have)}`
  }
  return undefined
}

/** How many operations of a writer the store has: exactly so many, or it is an error. */
export function operationsIn(found: Found, { sent, acknowledged }: Progress): number {
  for (let operations = acknowledged; operations <= sent; operations++) {
    if (difference(expectedAfter(operations), found) === undefined) return operations
  }
  throw new Error(
    `it is no state between operation ${acknowledged}, which was acknowledged, and ${sent}, which was ` +
      `sent last; for the former: ${difference(expectedAfter(acknowledged), found) ?? ''}`,
  )
}
