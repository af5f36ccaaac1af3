/**
 * skeg: a durable key-value and vector store for Node.
 *
 * @packageDocumentation
 */
export { SkegError, type ErrorCode } from './errors.ts'

declare const SKEG_VERSION: string

/** The version of this package. */
export const version: string = SKEG_VERSION
