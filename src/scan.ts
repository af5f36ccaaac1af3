// Walking over the keys.

import type { Lane } from './lane.ts'
import { checkKeys, expected, integer } from './options.ts'

/** What a key may hold. */
export type KeyType = 'string' | 'hash' | 'list' | 'set' | 'zset'

const TYPES: readonly KeyType[] = ['string', 'hash', 'list', 'set', 'zset']

/** Options of {@link Database.scan}. */
export interface ScanOptions {
  /** Only keys that match this pattern: `*`, `?` and `[...]` as in Redis. */
  match?: string
  /** Only keys that hold a value of this type. */
  type?: KeyType
  /**
   * How many keys are looked at in one step. More is faster, and keeps others waiting for longer.
   * @defaultValue 256
   */
  count?: number
}

/** The words of SCAN after its cursor. */
export function readScanOptions(options: ScanOptions): string[] {
  checkKeys('the options of scan', options, ['match', 'type', 'count'])
  const { match, type } = options
  const words = ['COUNT', String(integer('count', options.count, 1, 100_000, 256))]
  if (match !== undefined) {
    if (typeof match !== 'string') throw expected('match', 'a string')
    words.push('MATCH', match)
  }
  if (type !== undefined) {
    if (!TYPES.includes(type)) throw expected('type', `one of ${TYPES.join(', ')}`)
    words.push('TYPE', type)
  }
  return words
}

/** Walks from the first cursor to the last. */
export async function* scanKeys<T>(
  lane: Lane,
  words: readonly string[],
  mode: number,
): AsyncGenerator<T, void, undefined> {
  let cursor = '0'
  do {
    const reply = await lane.command(['SCAN', cursor, ...words], mode)
    const [next, keys] = reply as [string | Buffer, T[]]
    cursor = String(next)
    yield* keys
  } while (cursor !== '0')
}
