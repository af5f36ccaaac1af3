/** Sets of vectors as files, and what is figured out of answers and times. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import path from 'node:path'

/** Rows that are read at once. */
const PART = 10_000

export type Figures = Record<string, number>

/** A set in the big-ann formats. */
export interface VectorSet {
  folder: string
  rows: number
  dim: number
  /** Rows end to end. */
  base: Float32Array
  queries: Float32Array
  /** Of each query, the nearest rows, best first. */
  truth: Int32Array[]
}

function readMatrix(file: string): { count: number; width: number; bytes: ArrayBuffer } {
  const content = readFileSync(file)
  const [count, width] = [content.readUInt32LE(0), content.readUInt32LE(4)]
  const bytes = new ArrayBuffer(count * width * 4)
  new Uint8Array(bytes).set(content.subarray(8, 8 + count * width * 4))
  return { count, width, bytes }
}

/** What a set is asked, and what it has to answer. */
export function readAsked(folder: string): Pick<VectorSet, 'dim' | 'queries' | 'truth'> {
  const queries = readMatrix(path.join(folder, 'query.fbin'))
  const nearest = readMatrix(path.join(folder, 'truth.ibin'))
  const ids = new Int32Array(nearest.bytes)
  const { width } = nearest
  return {
    dim: queries.width,
    queries: new Float32Array(queries.bytes),
    truth: Array.from({ length: nearest.count }, (_, n) =>
      ids.subarray(n * width, (n + 1) * width),
    ),
  }
}

export function readSet(folder: string): VectorSet {
  const base = readMatrix(path.join(folder, 'base.fbin'))
  const rows = new Float32Array(base.bytes)
  return { folder, rows: base.count, base: rows, ...readAsked(folder) }
}

/** The rows of a set in parts, so that they never are in memory all at once. */
export function* partsOf(folder: string): Generator<{ first: number; rows: Float32Array }> {
  const file = openSync(path.join(folder, 'base.fbin'), 'r')
  try {
    const [count = 0, dim = 0] = readInto(file, new Uint32Array(2), 0)
    for (let first = 0; first < count; first += PART) {
      const rows = new Float32Array(Math.min(PART, count - first) * dim)
      yield { first, rows: readInto(file, rows, 8 + first * dim * 4) }
    }
  } finally {
    closeSync(file)
  }
}

function readInto<T extends NodeJS.ArrayBufferView>(file: number, into: T, from: number): T {
  const read = readSync(file, into, 0, into.byteLength, from)
  if (read < into.byteLength) throw new Error('the file of the rows ends early')
  return into
}

/** The queries of a set, one by one. */
export function queriesOf({ queries, dim }: Pick<VectorSet, 'queries' | 'dim'>): Float32Array[] {
  return Array.from({ length: queries.length / dim }, (_, n) =>
    queries.subarray(n * dim, (n + 1) * dim),
  )
}

/** The shares of the 1, 10 and 100 nearest rows that were found, over all queries. */
export function recalls(found: number[][], truth: Int32Array[], k: number): Figures {
  const figures: Figures = {}
  for (const n of [1, 10, 100].filter((n) => n <= k)) {
    let hits = 0
    let wanted = 0
    for (const [query, ids] of found.entries()) {
      const nearest = new Set(truth[query]?.subarray(0, n))
      hits += ids.slice(0, n).filter((id) => nearest.has(id)).length
      wanted += nearest.size
    }
    figures[`recall_${n}`] = hits / wanted
  }
  return figures
}

/** Percentiles of times in milliseconds. */
export function percentiles(times: number[]): Figures {
  const sorted = Float64Array.from(times).sort()
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { p50_ms: at(0.5), p95_ms: at(0.95), p99_ms: at(0.99) }
}
