// What `set` takes: skeg's own names, and those that node-redis has.

import { DEADLINE_AT, DEADLINE_CLEAR, DEADLINE_IN, DEADLINE_KEEP } from './binding.ts'
import { SkegError } from './errors.ts'
import { boolean, checkKeys, expected, level, type Durability } from './options.ts'

/** Options of {@link Database.set}. At most one of those that decide the deadline may be given. */
export interface SetOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires: a date, or Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; otherwise the key loses it. */
  keepTtl?: boolean
  /** Write only when there is no such key. */
  ifAbsent?: boolean
  /** Write only when there is such a key. */
  ifPresent?: boolean
  /** How safe the write is when the promise resolves. */
  durability?: Durability

  /** As `ttl`, in seconds; node-redis's name. */
  EX?: number
  /** As `ttl`; node-redis's name. */
  PX?: number
  /** As `expireAt`, in Unix seconds; node-redis's name. */
  EXAT?: number
  /** As `expireAt`, in Unix milliseconds; node-redis's name. */
  PXAT?: number
  /** As `keepTtl`; node-redis's name. */
  KEEPTTL?: boolean
  /** As `ifAbsent`; node-redis's name. */
  NX?: boolean
  /** As `ifPresent`; node-redis's name. */
  XX?: boolean
  /** Resolve with the value that the key had, `null` without; node-redis's name. */
  GET?: boolean
}

/** Names of the options. */
export const SET_KEYS = [
  ...['ttl', 'expireAt', 'keepTtl', 'ifAbsent', 'ifPresent', 'durability'],
  ...['EX', 'PX', 'EXAT', 'PXAT', 'KEEPTTL', 'NX', 'XX', 'GET'],
]

/** What a set does, in the addon's terms. */
export interface SetRequest {
  deadline: number
  ms: number
  level: number
  ifAbsent: boolean
  ifPresent: boolean
  returnsOld: boolean
}

/** Reads the options of a set. */
export function readSetOptions(options: SetOptions, standardLevel: number): SetRequest {
  checkKeys('the options of set', options, SET_KEYS)
  const [deadline, ms] = readDeadline(options)
  const either = (a: unknown, b: unknown, name: string): boolean => boolean(name, a ?? b, false)
  const request = {
    deadline,
    ms,
    level: level(options.durability, standardLevel),
    ifAbsent: either(options.ifAbsent, options.NX, 'ifAbsent'),
    ifPresent: either(options.ifPresent, options.XX, 'ifPresent'),
    returnsOld: boolean('GET', options.GET, false),
  }
  if (request.ifAbsent && request.ifPresent) {
    throw new SkegError('ERR_INVALID_ARGUMENT', 'give one of `ifAbsent` and `ifPresent`')
  }
  return request
}

/** The deadline that options ask for: its kind and its milliseconds. */
export function readDeadline(options: SetOptions): [kind: number, ms: number] {
  const { ttl, PX, EX, expireAt, PXAT, EXAT } = options
  const keeps = boolean('keepTtl', options.keepTtl ?? options.KEEPTTL, false)
  const given = [ttl, PX, EX, expireAt, PXAT, EXAT].filter((option) => option !== undefined)
  if (given.length + Number(keeps) > 1) {
    const message = 'give one of `ttl`, `expireAt` and `keepTtl` (or of their names in node-redis)'
    throw new SkegError('ERR_INVALID_ARGUMENT', message)
  }
  if (keeps) return [DEADLINE_KEEP, 0]
  if (ttl !== undefined) return [DEADLINE_IN, milliseconds('ttl', ttl)]
  if (PX !== undefined) return [DEADLINE_IN, milliseconds('PX', PX)]
  if (EX !== undefined) return [DEADLINE_IN, milliseconds('EX', EX, 1_000)]
  if (expireAt !== undefined) return [DEADLINE_AT, milliseconds('expireAt', Number(expireAt))]
  if (PXAT !== undefined) return [DEADLINE_AT, milliseconds('PXAT', PXAT)]
  if (EXAT !== undefined) return [DEADLINE_AT, milliseconds('EXAT', EXAT, 1_000)]
  return [DEADLINE_CLEAR, 0]
}

/** Milliseconds from a whole number of units, at least one. */
export function milliseconds(name: string, value: unknown, unit = 1): number {
  if (Number.isInteger(value) && (value as number) > 0) {
    const ms = (value as number) * unit
    if (Number.isSafeInteger(ms)) return ms
  }
  throw expected(name, 'a whole number, at least 1')
}

/** The words of the SET command for a deadline. */
export function deadlineWords(deadline: number, ms: number): string[] {
  switch (deadline) {
    case DEADLINE_KEEP:
      return ['KEEPTTL']
    case DEADLINE_IN:
      return ['PX', String(ms)]
    case DEADLINE_AT:
      return ['PXAT', String(ms)]
    default:
      return []
  }
}
