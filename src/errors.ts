// The one error class of the package. Native code hands over a code and a message; only this file
// turns them into an error.

/**
 * What went wrong, for programs to act upon: messages may change, codes don't.
 *
 * - `ERR_LOCKED`: another process has the data directory open. Close it there, or talk to it over RESP.
 * - `ERR_CORRUPT`: a file is damaged. The message names the file and the place; nothing was skipped.
 * - `ERR_FORMAT_VERSION`: the directory was written by a version that this one cannot read.
 * - `ERR_NOT_FOUND`: the directory, index or key that the call needs does not exist.
 * - `ERR_KEY_EXISTS`: `insert` of a key that is there. Nothing was changed.
 * - `ERR_CAS_MISMATCH`: `cas` found another value than expected. Nothing was changed.
 * - `ERR_WRONG_TYPE`: the key holds a value of another type than the call works on.
 * - `ERR_INVALID_ARGUMENT`: an argument or option that no call with it could succeed.
 * - `ERR_DIMENSION`: a vector whose length is not the dimension of its index.
 * - `ERR_FILTER`: a filter that does not parse, or that names a field which is not declared.
 * - `ERR_TOO_LARGE`: a key, value or command beyond the documented limits.
 * - `ERR_OUT_OF_MEMORY`: the memory limit is reached and nothing may be evicted.
 * - `ERR_NO_SPACE`: the disk is full. Nothing was changed; works again when there is space.
 * - `ERR_IO`: the operating system refused to read or write. `cause` says why.
 * - `ERR_READ_ONLY`: a write to a store that was opened with `readOnly`.
 * - `ERR_OUTCOME_UNKNOWN`: the write may or may not survive: the log failed before it was confirmed.
 * - `ERR_CLOSED`: the store was closed.
 * - `ERR_ABORTED`: the signal of the call was aborted before it had an effect.
 * - `ERR_WOULD_BLOCK`: a synchronous call that would have to wait. Use the asynchronous one.
 * - `ERR_BUSY`: too much is in flight. Wait for `drain()` and try again.
 * - `ERR_ENCODING`: bytes that are not UTF-8 were asked for as a string, or a string that has no
 *   UTF-8 form (a lone surrogate) was given. The `Buffer` twins take and return any bytes. A command that has run
 *   has taken effect: what it replied is in `reply`.
 * - `ERR_INDEX_MISMATCH`: the index exists with other options than those asked for.
 * - `ERR_CONFLICT`: a transaction or update lost 16 races in a row, or a value that is in memory only was changed while
 *   it was read as a stream. Try again later.
 * - `ERR_UNSUPPORTED_PLATFORM`: no native binary for this platform was found. The message says
 *   where it was looked for and how to get it.
 * - `ERR_REPLY`: a command given to `call` was refused; the message is the server's reply.
 */
export type ErrorCode =
  | 'ERR_LOCKED'
  | 'ERR_CORRUPT'
  | 'ERR_FORMAT_VERSION'
  | 'ERR_NOT_FOUND'
  | 'ERR_KEY_EXISTS'
  | 'ERR_CAS_MISMATCH'
  | 'ERR_WRONG_TYPE'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_DIMENSION'
  | 'ERR_FILTER'
  | 'ERR_TOO_LARGE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_NO_SPACE'
  | 'ERR_IO'
  | 'ERR_READ_ONLY'
  | 'ERR_OUTCOME_UNKNOWN'
  | 'ERR_CLOSED'
  | 'ERR_ABORTED'
  | 'ERR_WOULD_BLOCK'
  | 'ERR_BUSY'
  | 'ERR_ENCODING'
  | 'ERR_INDEX_MISMATCH'
  | 'ERR_CONFLICT'
  | 'ERR_UNSUPPORTED_PLATFORM'
  | 'ERR_REPLY'

/** Codes after which the same call may succeed without anything being changed by hand. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_BUSY',
  'ERR_CONFLICT',
  'ERR_LOCKED',
  'ERR_NO_SPACE',
  'ERR_OUT_OF_MEMORY',
  'ERR_WOULD_BLOCK',
])

/**
 * Every error that skeg throws or rejects with.
 *
 * @example
 * ```ts
 * try {
 *   await db.insert('user:1', 'Ada')
 * } catch (error) {
 *   if (error instanceof SkegError && error.code === 'ERR_KEY_EXISTS') console.log('taken')
 *   else throw error
 * }
 * ```
 */
export class SkegError extends Error {
  /** Always `SkegError`. */
  override readonly name = 'SkegError'
  /** What went wrong; stable across versions. */
  readonly code: ErrorCode
  /**
   * Of `ERR_ENCODING`: what the command has replied, with a `Buffer` in place of each string, so that nothing is lost
   * that it took out of a list or set.
   */
  readonly reply?: unknown

  /** For the package itself; public because errors are. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; reply?: unknown }) {
    super(message, options)
    this.code = code
    if (options?.reply !== undefined) this.reply = options.reply
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code)
  }
}
