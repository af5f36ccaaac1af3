// Vector indexes: a handle that knows the index's name and what its ids are.

import { setTimeout as pause } from 'node:timers/promises'
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
import { aborted, type Lane } from './lane.ts'
import { checkKeys, expected, integer, level, signalOf, type Durability } from './options.ts'

/** How near two vectors are. */
export type Metric = 'cosine' | 'ip' | 'euclidean'

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
export type Tier = 'f32' | 'int8' | 'binary' | 'pq' | 'tq1' | 'tq2' | 'tq4'

/**
 * What finds the nearest vectors.
 *
 * - `auto`: what suits the index best.
 * - `flat`: a scan of all codes.
 * - `disk`: vectors go to disk, also those of the tier `f32`.
 * - `ephemeral`: an exact scan, all in memory, and empty when the store is opened again.
 */
export type Backend = 'auto' | 'flat' | 'disk' | 'ephemeral'

/** Options of a new index; an index that exists must have the same, but for a tier and a backend left out. */
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
export interface ConsolidateProgress {
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
export interface ConsolidateOptions {
  /** Gives up when it is aborted; the index stays as it was. */
  signal?: AbortSignal
  /** Called now and then. What it throws rejects the promise; the work goes on. */
  onProgress?: (progress: ConsolidateProgress) => void
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

const INDEX_KEYS = ['dim', 'metric', 'ids', 'tier', 'backend', 'maxMemory', 'partitions']
const SEARCH_KEYS = ['k', 'l', 'rerank', 'minScore', 'bigint']
/** How often a consolidation tells how far it is, in milliseconds. */
const PROGRESS_MS = 100

/** The words that create an index. */
export function createWords(name: string, options: IndexOptions): string[] {
  checkKeys('the options of index', options, INDEX_KEYS)
  const { metric = 'cosine', ids = 'string', tier = 'tq2', backend = 'auto' } = options
  const dim = integer('dim', options.dim, 1, 65_536, 0)
  if (dim === 0) throw expected('dim', 'given for a new index')
  const maxMemory = integer('maxMemory', options.maxMemory, 0, 2 ** 50, 0)
  const partitions = integer('partitions', options.partitions, 1, 256, 1)
  return [
    'SKEG.VINDEX.CREATE',
    name,
    String(dim),
    ...[tier, backend, 'METRIC', metric, 'IDS', ids].map(String),
    ...(maxMemory > 0 ? ['MAXMEMORY', String(maxMemory)] : []),
    ...(partitions > 1 ? ['PARTITIONS', String(partitions)] : []),
  ]
}

/** Refuses options that an index does not have; it may have any tier and backend that are not asked for. */
export function checkSame(info: IndexInfo, options: IndexOptions): void {
  const {
    dim,
    metric = 'cosine',
    ids = 'string',
    tier = info.tier,
    backend = info.backend,
    maxMemory = info.maxMemory,
    partitions = info.partitions,
  } = options
  const asked = { dim, metric, ids, tier, backend, maxMemory, partitions }
  for (const [option, value] of Object.entries(asked)) {
    if (value !== info[option as keyof typeof asked]) {
      throw new SkegError('ERR_INDEX_MISMATCH', `the index exists with another \`${option}\``)
    }
  }
}

/** An index, as the commands describe it. */
export function readInfo(reply: unknown): IndexInfo {
  const fields = reply as Record<string, string | number>
  const [vectors, vectorsInMemory] = [Number(fields['vectors']), Number(fields['delta_vectors'])]
  const written = Number(fields['built_rows'])
  const toBuild = Number(fields['rows_to_build'])
  const linked = Number(fields['linked_rows'])
  const toLink = Number(fields['rows_to_link'])
  return {
    name: String(fields['name']),
    dim: Number(fields['dim']),
    metric: String(fields['metric']) as Metric,
    ids: fields['ids'] === 'u64' ? 'u64' : 'string',
    tier: String(fields['kind']) as Tier,
    backend: String(fields['backend']) as Backend,
    partitions: Number(fields['partitions']),
    vectors,
    vectorsInMemory,
    vectorsInSegments: vectors - vectorsInMemory,
    segments: Number(fields['segments']),
    deadRows: Number(fields['dead_rows']),
    memoryBytes: Number(fields['memory_bytes']),
    maxMemory: Number(fields['max_memory_bytes']),
    diskBytes: Number(fields['disk_bytes']),
    state: String(fields['state']) as IndexInfo['state'],
    ...(toBuild > 0 && {
      progress: { written, vectors: toBuild, ...(toLink > 0 && { linked }) },
    }),
  }
}

/** The words of a search for one or several queries. */
function searchWords(
  command: string,
  name: string,
  queries: Vector,
  options: SearchOptions,
): unknown[] {
  checkKeys('the options of search', options, SEARCH_KEYS)
  const k = integer('k', options.k, 1, 10_000, 10)
  const l = integer('l', options.l, 1, 100_000, 0)
  const words = [command, name, String(k), String(l), vectorBytes(queries)]
  if (options.minScore !== undefined) words.push('MINSCORE', String(options.minScore))
  if (options.rerank !== undefined) {
    words.push('RERANK', String(integer('rerank', options.rerank, 1, 2 ** 32 - 1, 0)))
  }
  return words
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
      const args = searchWords('SKEG.VSEARCH', this.name, query, options)
      const readId = idReader(this.#isNumeric, options.bigint === true) as (text: string) => Id
      return this.#lane.command(args, MODE_LOCAL, {
        convert: (reply) =>
          (reply as [string, number][]).map(([id, score]) => ({ id: readId(id), score })),
      })
    })
  }

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
  searchMany(queries: Vector, options: SearchOptions = {}): Promise<ManyHits<Id>> {
    return attempt(() => {
      const args = searchWords('SKEG.VMSEARCH', this.name, queries, options)
      const readId = idReader(this.#isNumeric, options.bigint === true) as (text: string) => Id
      return this.#lane.command(args, MODE_LOCAL, {
        convert: (reply) => {
          const found = reply as [string, number][][]
          const offsets = new Uint32Array(found.length + 1)
          found.forEach((hits, n) => {
            offsets[n + 1] = (offsets[n] ?? 0) + hits.length
          })
          const hits = found.flat()
          const ids = hits.map(([id]) => readId(id))
          return { ids, scores: Float32Array.from(hits, ([, score]) => score), offsets }
        },
      })
    })
  }

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
  async consolidate(options: ConsolidateOptions = {}): Promise<void> {
    checkKeys('the options of consolidate', options, ['signal', 'onProgress'])
    const signal = signalOf(options.signal)
    if (signal?.aborted === true) throw aborted(signal)
    const { onProgress } = options
    const args = ['SKEG.VINDEX.CONSOLIDATE', this.name]
    const call = { signal, convert: () => undefined }
    const done = this.#lane.command(args, MODE_LOCAL, call)
    if (onProgress === undefined) return done
    const isOver = done.then(
      () => true,
      () => true,
    )
    while (!(await Promise.race([isOver, pause(PROGRESS_MS, false, { ref: false })]))) {
      const { progress } = await this.info()
      if (progress !== undefined) onProgress(progress)
    }
    return done
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
    const written = this.#lane.command(args, MODE_LOCAL, { level: asked, bytes, convert })
    return this.#lane.paced(this.name, bytes, written)
  }

  #id(id: Id): string {
    const text = idText(id)
    if (!this.#isNumeric || /^\d+$/.test(text)) return text
    throw new SkegError('ERR_INVALID_ARGUMENT', 'the ids of this index are integers')
  }
}
