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
