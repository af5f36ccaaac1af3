/**
 * skeg: a durable key-value and vector store for Node.
 *
 * @packageDocumentation
 */
export { Database, type Bytes, type SetOptions } from './database.ts'
export { executablePath } from './load-binding.ts'
export { open } from './open.ts'
export type { Durability, MemoryOptions, OpenOptions } from './options.ts'
export { SkegError, type ErrorCode } from './errors.ts'

declare const SKEG_VERSION: string

/** The version of this package. */
export const version: string = SKEG_VERSION
