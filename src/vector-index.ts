// Vector indexes: a handle that knows the index's name and what its ids are.

import { MODE_BYTES, MODE_LOCAL } from './binding.ts'
import {
  attempt,
  fromVectorBytes,
  idText,
  sizeOfAll,
  toVector,
  vectorBytes,
  type Vector,
  type VectorId,
} from './bytes.ts'
import { SkegError } from './errors.ts'
import type { Lane } from './lane.ts'
import { checkKeys, expected, integer, level, type Durability } from './options.ts'

/** How near two vectors are. */
export type Metric = 'cosine' | 'ip' | 'euclidean'

/** Options of a new index; an index that exists must have the same. */
export interface IndexOptions {
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
export interface IndexInfo {
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
export interface Hit<Id extends VectorId = VectorId> {
  /** Its id. */
  id: Id
  /** Higher is nearer. */
  score: number
}

/** Options of a search. */
export interface SearchOptions {
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
export interface ManyHits<Id extends VectorId = VectorId> {
  /** Ids of the hits, nearest first for each search. */
  ids: Id[]
  /** Their scores. */
  scores: Float32Array
  /** The hits of search `n` are those from `offsets[n]` to `offsets[n + 1]`. */
  offsets: Uint32Array
}

/** Options of a write to an index. */
export interface VectorWriteOptions {
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}

const INDEX_KEYS = ['dim', 'metric', 'ids', 'tier', 'backend']
const SEARCH_KEYS = ['k', 'minScore', 'bigint']
/** How long the list of candidates is; an exact search needs none. */
const CANDIDATES = '0'

/** The words that create an index. */
export function createWords(name: string, options: IndexOptions): string[] {
  checkKeys('the options of index', options, INDEX_KEYS)
  const { metric = 'cosine', ids = 'string', tier = 'f32', backend = 'flat' } = options
  const dim = integer('dim', options.dim, 1, 65_536, 0)
  if (dim === 0) throw expected('dim', 'given for a new index')
  return [
    'SKEG.VINDEX.CREATE',
    name,
    String(dim),
    ...[tier, backend, 'METRIC', metric, 'IDS', ids].map(String),
  ]
}

/** An index, as the commands describe it. */
export function readInfo(reply: unknown): IndexInfo {
  const fields = reply as Record<string, string | number>
  return {
    name: String(fields['name']),
    dim: Number(fields['dim']),
    metric: String(fields['metric']) as Metric,
    ids: fields['ids'] === 'u64' ? 'u64' : 'string',
    tier: String(fields['kind']),
    backend: String(fields['backend']),
    vectors: Number(fields['vectors']),
    memoryBytes: Number(fields['memory_bytes']),
  }
}

/** What turns the ids of a reply into those of its index. */
export function idReader(isNumeric: boolean, asBigint: boolean): (text: string) => VectorId {
  if (!isNumeric) return (text) => text
  return asBigint ? BigInt : Number
}

/** A vector index, made by {@link Database.index}. */
export class VectorIndex<Id extends VectorId = VectorId> {
  /** Its name. */
  readonly name: string
  /** Numbers of a vector. */
  readonly dim: number
  /** How near two vectors are. */
  readonly metric: Metric
  readonly #lane: Lane
  readonly #isNumeric: boolean

  private constructor(lane: Lane, info: Pick<IndexInfo, 'name' | 'dim' | 'metric' | 'ids'>) {
    this.#lane = lane
    this.name = info.name
    this.dim = info.dim
    this.metric = info.metric
    this.#isNumeric = info.ids === 'u64'
  }

  /** @internal */
  static create<Id extends VectorId>(lane: Lane, info: IndexInfo): VectorIndex<Id> {
    return new VectorIndex(lane, info)
  }

  /** @internal An index by its name alone, so that calls on it are made at once. Its ids are text. */
  static named(lane: Lane, name: string): VectorIndex {
    return new VectorIndex(lane, { name, dim: 0, metric: 'cosine', ids: 'string' })
  }

  /**
   * Stores a vector, in place of the one with the same id.
   *
   * @example
   * ```ts
   * await docs.set('doc:1', embedding)
   * ```
   */
  set(id: Id, vector: Vector, options: VectorWriteOptions = {}): Promise<void> {
    return attempt(() => {
      const args = ['SKEG.VSET', this.name, this.#id(id), vectorBytes(vector)]
      return this.#write(args, options, () => undefined)
    })
  }

  /** Stores several vectors, all or none: `vectors` has those of all ids, one after the other. */
  setMany(ids: readonly Id[], vectors: Vector, options: VectorWriteOptions = {}): Promise<void> {
    return attempt(() => {
      const all = toVector(vectors)
      if (all.length !== ids.length * this.dim) {
        const message = `${ids.length} vectors of ${this.dim} numbers expected, ${all.length} numbers given`
        throw new SkegError('ERR_DIMENSION', message)
      }
      if (ids.length === 0) return Promise.resolve()
      const args: unknown[] = ['SKEG.VMSET', this.name, String(ids.length)]
      ids.forEach((id, n) => {
        args.push(this.#id(id), vectorBytes(all.subarray(n * this.dim, (n + 1) * this.dim)))
      })
      return this.#write(args, options, () => undefined)
    })
  }

  /** The vector of an id, `null` when there is none. */
  get(id: Id): Promise<Float32Array | null> {
    return attempt(() =>
      this.#lane.command(['SKEG.VGET', this.name, this.#id(id)], MODE_LOCAL | MODE_BYTES, {
        convert: (reply) => (reply === null ? null : fromVectorBytes(reply as Buffer)),
      }),
    )
  }

  /** Deletes vectors and returns how many there were. */
  del(...ids: Id[]): Promise<number> {
    return attempt(() => {
      if (ids.length === 0) return Promise.resolve(0)
      return this.#write(['SKEG.VDEL', this.name, ...ids.map((id) => this.#id(id))], {}, Number)
    })
  }

  /**
   * The nearest vectors, nearest first. Every write that was called before is seen.
   *
   * @example
   * ```ts
   * const hits = await docs.search(query, { k: 10 })
   * ```
   */
  search(query: Vector, options: SearchOptions = {}): Promise<Hit<Id>[]> {
    return attempt(() => {
      checkKeys('the options of search', options, SEARCH_KEYS)
      const k = integer('k', options.k, 1, 10_000, 10)
      const args = ['SKEG.VSEARCH', this.name, String(k), CANDIDATES, vectorBytes(query)]
      if (options.minScore !== undefined) args.push('MINSCORE', String(options.minScore))
      const readId = idReader(this.#isNumeric, options.bigint === true) as (text: string) => Id
      return this.#lane.command(args, MODE_LOCAL, {
        convert: (reply) =>
          (reply as [string, number][]).map(([id, score]) => ({ id: readId(id), score })),
      })
    })
  }

  /** Several searches at once: `queries` has their vectors, one after the other. */
  async searchMany(queries: Vector, options: SearchOptions = {}): Promise<ManyHits<Id>> {
    const all = toVector(queries)
    if (all.length % this.dim !== 0) {
      const message = `${all.length} numbers are no whole number of vectors of ${this.dim}`
      throw new SkegError('ERR_DIMENSION', message)
    }
    const searches = Array.from({ length: all.length / this.dim }, (_, n) =>
      this.search(all.subarray(n * this.dim, (n + 1) * this.dim), options),
    )
    const found = await Promise.all(searches)
    const offsets = new Uint32Array(found.length + 1)
    found.forEach((hits, n) => {
      offsets[n + 1] = (offsets[n] ?? 0) + hits.length
    })
    const hits = found.flat()
    return {
      ids: hits.map(({ id }) => id),
      scores: Float32Array.from(hits, ({ score }) => score),
      offsets,
    }
  }

  /** What the index is and holds. */
  info(): Promise<IndexInfo> {
    return this.#lane.command(['SKEG.VINDEX.INFO', this.name], MODE_LOCAL, { convert: readInfo })
  }

  /** Deletes the index with all its vectors. */
  drop(): Promise<void> {
    return this.#write(['SKEG.VINDEX.DROP', this.name], {}, () => undefined)
  }

  #write<T>(
    args: readonly unknown[],
    options: VectorWriteOptions,
    convert: (reply: unknown) => T,
  ): Promise<T> {
    checkKeys('the options of the write', options, ['durability'])
    const asked = level(options.durability, this.#lane.options.level)
    const bytes = sizeOfAll(args)
    this.#lane.checkPressure(bytes)
    return this.#lane.command(args, MODE_LOCAL, { level: asked, bytes, convert })
  }

  #id(id: Id): string {
    const text = idText(id)
    if (!this.#isNumeric || /^\d+$/.test(text)) return text
    throw new SkegError('ERR_INVALID_ARGUMENT', 'the ids of this index are integers')
  }
}
