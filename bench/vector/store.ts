/** What the peers from npm have in common: an index in files, built in one process and asked in another. */
export interface Store {
  /** Builds the index of the set in `folder`. */
  build: (folder: string) => Promise<void>
  /** Opens what was built. */
  open: (dim: number) => Promise<void>
  /** The ids of the k nearest, best first. As many searches go on at once as are asked for. */
  search: (query: Float32Array, k: number, point: number) => Promise<number[]>
  close: () => Promise<void>
}
