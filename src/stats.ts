// Figures of a store.

/** Figures of a store, summed over its parts. Counts are since it was opened. */
export interface Stats {
  /** Keys. */
  keys: number
  /** Keys that have a deadline. */
  expiring: number
  /** Bytes of memory of keys, values and tables. */
  memoryBytes: number
  /** Vector indexes. */
  indexes: number
  /** Vectors in them. */
  vectors: number
  /** Bytes of memory of the vectors. */
  vectorBytes: number
  /** Reads of a key that was there. */
  hits: number
  /** Reads of a key that was not there. */
  misses: number
  /** Keys removed because their deadline had passed. */
  expired: number
  /** Commands that were run. */
  commands: number
}

/** The figures in the reply of SKEG.STATS. */
export function readStats(reply: unknown): Stats {
  const fields = reply as Record<string, number>
  const field = (name: string): number => fields[name] ?? 0
  return {
    keys: field('keys'),
    expiring: field('expiring'),
    memoryBytes: field('memory_bytes'),
    indexes: field('indexes'),
    vectors: field('vectors'),
    vectorBytes: field('vector_bytes'),
    hits: field('hits'),
    misses: field('misses'),
    expired: field('expired'),
    commands: field('commands'),
  }
}
