/** sqlite-vec: a virtual table of SQLite that compares every row, exactly or by codes first. */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { load } from 'sqlite-vec'
import { partsOf } from './figures.ts'
import type { Store } from './store.ts'

/** `bit` and `int8`: codes of that kind are compared, and point times k of the rows exactly. */
export type Codes = 'none' | 'bit' | 'int8'

/** What the table is asked for at most. */
const K_MAX = 4096

/** Threads of Node 20 do not take over how the main thread reads TypeScript. */
const START = `import('tsx/esm/api').then(({ register }) => {
  register()
  return import(${JSON.stringify(import.meta.url)})
})`

interface Asked {
  query: Float32Array
  k: number
  point: number
}

/** A row as bytes: the largest number becomes 127, as SQL's own scale would be too coarse for short numbers. */
function scaled(row: Float32Array): Buffer {
  const most = row.reduce((most, number) => Math.max(most, Math.abs(number)), 0)
  return Buffer.from(Int8Array.from(row, (number) => Math.round((number * 127) / most)).buffer)
}

const bytes = (row: Float32Array): Buffer => Buffer.from(row.buffer, row.byteOffset, row.byteLength)

function connected(file: string): Database {
  const database = new Database(file)
  load(database)
  return database
}

/** How a connection searches. */
function searcher(file: string, codes: Codes): (asked: Asked) => number[] {
  const database = connected(file)
  if (codes === 'none') {
    const all = database.prepare(
      'SELECT id FROM rows WHERE vector MATCH ? AND k = ? ORDER BY distance',
    )
    return ({ query, k }) => all.all(bytes(query), k).map(({ id }) => id)
  }
  const code = codes === 'bit' ? 'vec_quantize_binary(?)' : 'vec_int8(?)'
  const some = database.prepare(
    `WITH near AS (SELECT id, vector FROM rows WHERE code MATCH ${code} AND k = ?)
     SELECT id FROM near ORDER BY vec_distance_cosine(vector, ?) LIMIT ?`,
  )
  return ({ query, k, point }) => {
    const coded = codes === 'bit' ? bytes(query) : scaled(query)
    return some.all(coded, Math.min(k * point, K_MAX), bytes(query), k).map(({ id }) => id)
  }
}

export class SqliteVec implements Store {
  readonly #codes: Codes
  readonly #folder: string
  readonly #file: string
  readonly #dim: number
  /** Threads that search, a connection each: SQLite keeps its caller waiting. */
  readonly #idle: Worker[] = []
  readonly #workers: Worker[] = []

  constructor(codes: Codes, folder: string, dim: number) {
    this.#codes = codes
    this.#folder = folder
    this.#file = path.join(folder, 'rows.db')
    this.#dim = dim
    // A binary that does not fit is found at once.
    connected(':memory:').close()
  }

  build(folder: string): Promise<void> {
    mkdirSync(this.#folder, { recursive: true })
    const [codes, dim] = [this.#codes, this.#dim]
    const database = connected(this.#file)
    const code = {
      none: '',
      bit: `, code bit[${dim}]`,
      int8: `, code int8[${dim}] distance_metric=cosine`,
    }
    database.exec(
      `CREATE VIRTUAL TABLE rows USING vec0(id INTEGER PRIMARY KEY, vector float[${dim}] distance_metric=cosine${code[codes]})`,
    )
    const values = { none: '?, ?', bit: '?, ?, vec_quantize_binary(?)', int8: '?, ?, vec_int8(?)' }
    const insert = database.prepare(`INSERT INTO rows VALUES (${values[codes]})`)
    for (const { first, rows } of partsOf(folder)) {
      database.exec('BEGIN')
      for (let n = 0; n < rows.length / dim; n++) {
        const row = rows.subarray(n * dim, (n + 1) * dim)
        const coded = { none: [], bit: [bytes(row)], int8: [scaled(row)] }
        insert.run(BigInt(first + n), bytes(row), ...coded[codes])
      }
      database.exec('COMMIT')
    }
    database.close()
    return Promise.resolve()
  }

  async open(): Promise<void> {
    this.#idle.push(await this.#worker())
  }

  async search(query: Float32Array, k: number, point: number): Promise<number[]> {
    const worker = this.#idle.pop() ?? (await this.#worker())
    worker.postMessage({ query, k, point } satisfies Asked)
    const [found] = (await once(worker, 'message')) as [number[]]
    this.#idle.push(worker)
    return found
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.terminate()
  }

  async #worker(): Promise<Worker> {
    const worker = new Worker(START, {
      eval: true,
      workerData: { file: this.#file, codes: this.#codes },
    })
    this.#workers.push(worker)
    await once(worker, 'online')
    return worker
  }
}

if (!isMainThread) {
  const { file, codes } = workerData as { file: string; codes: Codes }
  const search = searcher(file, codes)
  parentPort?.on('message', (asked: Asked) => parentPort?.postMessage(search(asked)))
}
