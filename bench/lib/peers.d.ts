/**
 * What the benches use of the peers, which are installed in `bench/` only when benches run: so that
 * the sources can be checked without them.
 */
declare module 'lmdb' {
  interface Database<V, K> {
    put(key: K, value: V): Promise<boolean>
    get(key: K): V | undefined
    getMany(keys: K[]): Promise<(V | undefined)[]>
    transaction<T>(action: () => T): Promise<T>
    close(): Promise<void>
  }
  export function open<V, K extends string>(options: {
    path: string
    encoding: 'string'
    overlappingSync?: boolean
  }): Database<V, K>
}

declare module 'classic-level' {
  export class ClassicLevel {
    constructor(location: string)
    put(key: string, value: string): Promise<void>
    get(key: string): Promise<string | undefined>
    getSync(key: string): string | undefined
    getMany(keys: string[]): Promise<(string | undefined)[]>
    batch(operations: { type: 'put'; key: string; value: string }[]): Promise<void>
    close(): Promise<void>
  }
}

declare module '@lancedb/lancedb' {
  import type { Table } from 'apache-arrow'

  interface Config {
    readonly indexType: string
  }
  export const Index: {
    ivfPq(options: { distanceType: 'dot'; numSubVectors: number }): Config
    hnswSq(options: { distanceType: 'dot'; numPartitions: number }): Config
  }
  interface VectorQuery {
    distanceType(type: 'dot'): VectorQuery
    limit(k: number): VectorQuery
    select(columns: string[]): VectorQuery
    bypassVectorIndex(): VectorQuery
    nprobes(count: number): VectorQuery
    ef(ef: number): VectorQuery
    refineFactor(factor: number): VectorQuery
    toArray(): Promise<{ id: number }[]>
  }
  export interface LanceTable {
    add(rows: Table): Promise<unknown>
    createIndex(column: string, options: { config: Config }): Promise<void>
    optimize(options?: { cleanupOlderThan: Date }): Promise<unknown>
    vectorSearch(query: Float32Array): VectorQuery
    close(): void
  }
  export function connect(path: string): Promise<{
    createTable(name: string, rows: Table): Promise<LanceTable>
    openTable(name: string): Promise<LanceTable>
    close(): void
  }>
}

declare module 'apache-arrow' {
  export class Int32 {
    readonly bits: 32
  }
  export class Float32 {
    readonly bits: 32
  }
  type Type = Int32 | Float32 | FixedSizeList | Struct
  export class Field {
    constructor(name: string, type: Type, nullable: boolean)
    readonly name: string
  }
  export class FixedSizeList {
    constructor(length: number, of: Field)
    readonly listSize: number
  }
  export class Struct {
    constructor(fields: Field[])
    readonly children: Field[]
  }
  interface Data {
    readonly length: number
  }
  export function makeData(
    of:
      | { type: Int32; data: Int32Array }
      | { type: Float32; data: Float32Array }
      | { type: FixedSizeList; length: number; nullCount: number; child: Data }
      | { type: Struct; length: number; nullCount: number; children: Data[] },
  ): Data
  export class Schema {
    constructor(fields: Field[])
    readonly fields: Field[]
  }
  export class RecordBatch {
    constructor(schema: Schema, data: Data)
    readonly numRows: number
  }
  export class Table {
    constructor(schema: Schema, batches: RecordBatch[])
    readonly numRows: number
  }
}

declare module 'better-sqlite3' {
  type Value = Buffer | number | bigint
  export default class Database {
    constructor(file: string)
    exec(sql: string): void
    prepare(sql: string): {
      run(...values: Value[]): void
      all(...values: Value[]): { id: number }[]
    }
    loadExtension(file: string): void
    close(): void
  }
}

declare module 'sqlite-vec' {
  export function load(database: { loadExtension(file: string): void }): void
}
