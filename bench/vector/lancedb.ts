/** LanceDB: rows and their indexes in files of its own format. */
import { connect, Index, type LanceTable } from '@lancedb/lancedb'
import {
  Field,
  FixedSizeList,
  Float32,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
} from 'apache-arrow'
import { partsOf } from './figures.ts'
import type { Store } from './store.ts'

const TABLE = 'rows'
/** Rows that are compared exactly, times k: codes of a byte a number need fewer than product codes. */
const REFINED_PQ: Record<number, number> = { 10: 20, 100: 5 }
const REFINED_SQ = 2

/** `flat` compares every row; a point says nothing. Others: partitions that are searched, or ef. */
export type Kind = 'flat' | 'pq' | 'hnsw'

function arrow(first: number, rows: Float32Array, dim: number): Table {
  const length = rows.length / dim
  const id = Int32Array.from({ length }, (_, n) => first + n)
  const list = new FixedSizeList(dim, new Field('item', new Float32(), true))
  const fields = [new Field('id', new Int32(), false), new Field('vector', list, false)]
  const numbers = makeData({ type: new Float32(), data: rows })
  const children = [
    makeData({ type: new Int32(), data: id }),
    makeData({ type: list, length, nullCount: 0, child: numbers }),
  ]
  const schema = new Schema(fields)
  const struct = makeData({ type: new Struct(fields), length, nullCount: 0, children })
  return new Table(schema, [new RecordBatch(schema, struct)])
}

export class Lance implements Store {
  readonly #kind: Kind
  readonly #path: string
  readonly #dim: number
  #table: LanceTable | undefined

  constructor(kind: Kind, path: string, dim: number) {
    this.#kind = kind
    this.#path = path
    this.#dim = dim
  }

  async build(folder: string): Promise<void> {
    const connection = await connect(this.#path)
    let table: LanceTable | undefined
    for (const { first, rows } of partsOf(folder)) {
      const some = arrow(first, rows, this.#dim)
      if (table) await table.add(some)
      else table = await connection.createTable(TABLE, some)
    }
    await table?.optimize()
    if (this.#kind === 'pq') {
      const config = Index.ivfPq({ distanceType: 'dot', numSubVectors: this.#dim / 8 })
      await table?.createIndex('vector', { config })
    }
    if (this.#kind === 'hnsw') {
      const config = Index.hnswSq({ distanceType: 'dot', numPartitions: 1 })
      await table?.createIndex('vector', { config })
    }
    // What the parts were before they became one file, and versions before the index.
    await table?.optimize({ cleanupOlderThan: new Date() })
    connection.close()
  }

  async open(): Promise<void> {
    const connection = await connect(this.#path)
    this.#table = await connection.openTable(TABLE)
  }

  async search(query: Float32Array, k: number, point: number): Promise<number[]> {
    if (!this.#table) throw new Error('it is not open')
    // Distances are not used, but to be named if they are not to be warned of.
    const search = this.#table
      .vectorSearch(query)
      .distanceType('dot')
      .limit(k)
      .select(['id', '_distance'])
    if (this.#kind === 'flat') search.bypassVectorIndex()
    if (this.#kind === 'pq') search.nprobes(point).refineFactor(REFINED_PQ[k] ?? 1)
    if (this.#kind === 'hnsw') search.ef(Math.max(point, k * REFINED_SQ)).refineFactor(REFINED_SQ)
    const found = await search.toArray()
    return found.map(({ id }) => id)
  }

  close(): Promise<void> {
    this.#table?.close()
    return Promise.resolve()
  }
}
