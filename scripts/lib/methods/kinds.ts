/**
 * What the words of `table.ts` stand for in TypeScript. `args` is `src/arguments.ts`,
 * `optionsOf` is `src/command-options.ts`; what reads replies is in `src/replies.ts`.
 */

/** An argument: its type, and the expression of its words in terms of its name `$`. */
interface Argument {
  type: string
  words: string
  /** The expression of its keys, when it has any. */
  keys?: string
}

const options = (name: string): Argument => ({
  type: `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}Options`,
  words: `...optionsOf.${name}($)`,
})

export const argumentKinds: Record<string, Argument> = {
  key: { type: 'Bytes', words: '$', keys: '$' },
  keys: { type: 'Bytes | readonly Bytes[]', words: '...args.list($)', keys: '...args.list($)' },
  counted: {
    type: 'Bytes | readonly Bytes[]',
    words: '...args.counted($)',
    keys: '...args.list($)',
  },
  weighted: {
    type: 'WeightedKeys',
    words: '...args.weighted($)',
    keys: '...args.weightedKeys($)',
  },
  bytes: { type: 'Bytes', words: '$' },
  list: { type: 'Bytes | readonly Bytes[]', words: '...args.list($)' },
  fields: { type: 'Fields', words: '...args.fields($)' },
  entries: { type: 'Entries', words: '...args.entries($)', keys: '...args.entryKeys($)' },
  members: { type: 'Scored<Bytes> | readonly Scored<Bytes>[]', words: '...args.members($)' },
  integer: { type: 'number', words: 'args.integer($)' },
  natural: { type: 'number', words: 'args.natural($)' },
  increment: { type: 'number | bigint', words: 'args.increment($)' },
  float: { type: 'number', words: 'args.float($)' },
  seconds: { type: 'number | Date', words: 'args.seconds($)' },
  milliseconds: { type: 'number | Date', words: 'args.milliseconds($)' },
  bound: { type: 'Bytes | number', words: 'args.bound($)' },
  scoreBound: { type: 'string | number', words: 'args.scoreBound($)' },
  lexBound: { type: 'Bytes', words: 'args.lexBound($)' },
  bit: { type: '0 | 1', words: 'args.bit($)' },
  bitField: { type: 'readonly BitFieldOperation[]', words: '...args.bitField($)' },
  bitFieldRo: { type: 'readonly BitField[]', words: '...args.bitFieldRo($)' },
  bitOperation: {
    type: "'AND' | 'OR' | 'XOR' | 'NOT'",
    words: "args.oneOf($, ['AND', 'OR', 'XOR', 'NOT'])",
  },
  bitUnit: { type: "'BYTE' | 'BIT'", words: "args.oneOf($, ['BYTE', 'BIT'])" },
  expiry: { type: "'NX' | 'XX' | 'GT' | 'LT'", words: "args.oneOf($, ['NX', 'XX', 'GT', 'LT'])" },
  side: { type: "'LEFT' | 'RIGHT'", words: "args.oneOf($, ['LEFT', 'RIGHT'])" },
  extreme: { type: "'MIN' | 'MAX'", words: "args.oneOf($, ['MIN', 'MAX'])" },
  position: { type: "'BEFORE' | 'AFTER'", words: "args.oneOf($, ['BEFORE', 'AFTER'])" },
  flush: { type: "'ASYNC' | 'SYNC'", words: "args.oneOf($, ['ASYNC', 'SYNC'])" },
  ...Object.fromEntries(
    [
      ...['aggregate', 'bitCount', 'copy', 'count', 'getEx', 'lPos', 'lcs', 'limited', 'restore'],
      ...['samples', 'sort', 'wait', 'waitCount', 'zAdd', 'zRange'],
    ].map((name) => [name, options(name)]),
  ),
  limit: { type: 'LimitOptions | number', words: '...optionsOf.limit($)' },
  scan: { type: 'StepOptions', words: '...optionsOf.scan($)' },
}

/** A reply: its type, in which `V` stands for a value (a string, or bytes in a twin). */
interface Reply {
  type: string
  /** What turns the native reply into it; nothing when it is that already. */
  read?: string
  /** It is always of bytes: there is no method without `Buffer` in its name. */
  onlyBytes?: true
}

export const replyKinds: Record<string, Reply> = {
  ok: { type: "'OK'" },
  number: { type: 'number', read: 'number' },
  'number?': { type: 'number | null', read: 'numberOrNull' },
  numbers: { type: 'number[]' },
  integers: { type: 'number[]', read: 'integers' },
  'integers?': { type: '(number | null)[]', read: 'integersOrNull' },
  'numbers?': { type: '(number | null)[]' },
  string: { type: 'string' },
  'string?': { type: 'string | null' },
  strings: { type: 'Record<string, string>' },
  texts: { type: 'string[]' },
  counts: { type: 'Record<string, number>', read: 'counts' },
  dump: { type: 'V | null', onlyBytes: true },
  value: { type: 'V' },
  'value?': { type: 'V | null' },
  values: { type: 'V[]' },
  'values?': { type: '(V | null)[]' },
  valuesOrNull: { type: 'V[] | null' },
  map: { type: 'Record<string, V>' },
  entries: { type: 'Entry<V>[]', read: 'pairs' },
  scored: { type: 'Scored<V>[]', read: 'scored' },
  member: { type: 'Scored<V> | null', read: 'member' },
  rank: { type: 'Ranked | null', read: 'rank' },
  popped: { type: '[key: V, elements: V[]] | null' },
  poppedElement: { type: 'PoppedElement<V> | null', read: 'poppedElement' },
  poppedMember: { type: 'PoppedMember<V> | null', read: 'poppedMember' },
  poppedMembers: { type: 'PoppedMembers<V> | null', read: 'poppedMembers' },
  lcs: { type: 'LcsMatches' },
  lcsLengths: { type: 'LcsMatches<[length: number]>' },
  hashScan: { type: 'HashStep<V>', read: 'hashScan' },
  setScan: { type: 'SetStep<V>', read: 'setScan' },
  sortedSetScan: { type: 'SortedSetStep<V>', read: 'sortedSetScan' },
}
