// Keys, values and vectors as users give them.

import { SkegError } from './errors.ts'

/** A key or a value: a string stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array

/** The numbers of a vector; they are stored in single precision. */
export type Vector = Float32Array | readonly number[]

/** The id of a vector: a string, or for an index of `ids: 'u64'` an integer that is not negative. */
export type VectorId = string | number | bigint

/** Bytes that stay as they are whatever becomes of the argument: `slice` of a Buffer copies nothing. */
export function copyBytes(value: Bytes): Bytes {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  throw new SkegError('ERR_INVALID_ARGUMENT', 'expected a string or bytes')
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text that bytes are, as the addon would hand it out. */
export function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw new SkegError('ERR_ENCODING', 'the value is not UTF-8: ask for it as a Buffer')
  }
}

/** A name for the bytes of a key, whether it was given as a string or as bytes. */
export function keyName(key: Bytes): string {
  return Buffer.from(key as string).toString('latin1')
}

/** A vector in single precision, with an array of its own. */
export function toVector(vector: Vector): Float32Array {
  if (vector instanceof Float32Array) return vector.slice()
  if (Array.isArray(vector)) return Float32Array.from(vector as readonly number[])
  throw new SkegError('ERR_INVALID_ARGUMENT', 'a vector is a Float32Array or an array of numbers')
}

/** The bytes of a vector, as commands take them: little-endian. */
export function vectorBytes(vector: Vector): Uint8Array {
  const numbers = vector instanceof Float32Array ? vector : toVector(vector)
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** The vector in the bytes of a reply. */
export function fromVectorBytes(bytes: Uint8Array): Float32Array {
  return new Float32Array(new Uint8Array(bytes).buffer)
}

/** An id as commands take it. */
export function idText(id: VectorId): string {
  if (typeof id === 'string') return id
  const isInteger = typeof id === 'bigint' || Number.isSafeInteger(id)
  if (isInteger && id >= 0) return String(id)
  throw new SkegError('ERR_INVALID_ARGUMENT', 'an id is a string or an integer from 0 on')
}

/** Turns a synchronous throw into a rejection: no asynchronous method throws. */
export function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return call()
  } catch (error) {
    return rejected(error)
  }
}

/** A rejection with whatever was thrown. */
export function rejected(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error(String(error)))
}

/** About how many bytes an argument has; what is no argument is refused later. */
export function sizeOf(value: unknown): number {
  const sized = typeof value === 'string' || value instanceof Uint8Array
  return sized ? value.length : 0
}

/** About how many bytes these arguments have. */
export function sizeOfAll(values: readonly unknown[]): number {
  let bytes = 0
  for (const value of values) bytes += sizeOf(value)
  return bytes
}
