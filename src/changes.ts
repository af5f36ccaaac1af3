// Changes that are collected and then made together: what batches and transactions are made of.

import {
  CHANGE_COMMAND,
  CHANGE_EXPIRE,
  CHANGE_REMOVE,
  CHANGE_SET,
  CHANGE_VECTOR_REMOVE,
  CHANGE_VECTOR_SET,
  DEADLINE_CLEAR,
  DEADLINE_IN,
} from './binding.ts'
import {
  copyBytes,
  idText,
  sizeOf,
  sizeOfAll,
  toVector,
  type Bytes,
  type Vector,
  type VectorId,
} from './bytes.ts'
import { checkKeys } from './options.ts'
import { milliseconds, readDeadline } from './set-options.ts'

/** The deadline of a key that a batch or transaction sets. */
export interface ChangeOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires: a date, or Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; otherwise the key loses it. */
  keepTtl?: boolean
}

const CHANGE_KEYS = ['ttl', 'expireAt', 'keepTtl']

/** A list for the addon: five values for each change. Arguments are copied. */
export class Changes {
  readonly list: unknown[] = []

  /** About how many bytes they have. */
  get bytes(): number {
    return this.list.reduce<number>((sum, value) => sum + changeSize(value), 0)
  }

  set(key: Bytes, value: Bytes, options: ChangeOptions = {}): void {
    checkKeys('the options of set', options, CHANGE_KEYS)
    const [deadline, ms] = readDeadline(options)
    this.list.push(CHANGE_SET, copyBytes(key), copyBytes(value), deadline, ms)
  }

  remove(key: Bytes): void {
    this.list.push(CHANGE_REMOVE, copyBytes(key), 0, 0, 0)
  }

  expire(key: Bytes, ms: number | null): void {
    const deadline = ms === null ? DEADLINE_CLEAR : DEADLINE_IN
    const after = ms === null ? 0 : milliseconds('ms', ms)
    this.list.push(CHANGE_EXPIRE, copyBytes(key), 0, deadline, after)
  }

  setVector(index: string, id: VectorId, vector: Vector): void {
    this.list.push(CHANGE_VECTOR_SET, index, idText(id), toVector(vector), 0)
  }

  removeVector(index: string, id: VectorId): void {
    this.list.push(CHANGE_VECTOR_REMOVE, index, idText(id), 0, 0)
  }

  command(words: readonly Bytes[]): void {
    this.list.push(CHANGE_COMMAND, words.map(copyBytes), 0, 0, 0)
  }
}

function changeSize(value: unknown): number {
  if (Array.isArray(value)) return sizeOfAll(value)
  return value instanceof Float32Array ? value.byteLength : sizeOf(value)
}
