// An open store: its methods check and convert what they are given; what they do is the engine's.

import { Acknowledgements, DISK } from './acknowledgements.ts'
import {
  DEADLINE_AT,
  DEADLINE_CLEAR,
  DEADLINE_IN,
  DEADLINE_KEEP,
  MODE_BYTES,
  MODE_SYNC,
  type Handle,
} from './binding.ts'
import type { Environment } from './environment.ts'
import { SkegError } from './errors.ts'
import { checkKeys, level, type Durability } from './options.ts'

/** A key or a value: a string stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array

/** Options of {@link Database.set}. */
export interface SetOptions {
  /** Milliseconds until the key expires. */
  ttl?: number
  /** When the key expires, as a date or in Unix milliseconds. */
  expireAt?: number | Date
  /** Keep the deadline that the key has; without it (and without `ttl`) the key loses it. */
  keepTtl?: boolean
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}

const SET_KEYS = ['ttl', 'expireAt', 'keepTtl', 'durability'] as const

/** Limits of a store. */
export interface Limits {
  readonly level: number
  readonly pendingBytes: number
  readonly pendingCalls: number
}

/**
 * An open store, made by {@link open}.
 *
 * Every asynchronous method reports failure by rejecting, also for wrong arguments. Calls take
 * effect in the order in which they are made.
 */
export class Database implements AsyncDisposable {
  readonly #environment: Environment
  /** No store has the handle 0: calls after close fail as they must. */
  #handle: Handle
  readonly #limits: Limits
  readonly #acknowledgements: Acknowledgements
  readonly #requests = new Set<Promise<unknown>>()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(environment: Environment, handle: Handle, limits: Limits) {
    this.#environment = environment
    this.#handle = handle
    this.#limits = limits
    this.#acknowledgements = new Acknowledgements(environment, handle)
    environment.addWaiter(this.#acknowledgements)
  }

  /**
   * The value of a key as a string, `null` when there is none.
   *
   * @example
   * ```ts
   * const name = await db.get('user:1')
   * ```
   */
  get(key: Bytes): Promise<string | null> {
    const value = this.#environment.binding.get(this.#handle, key, 0)
    if (typeof value === 'string' || value === null) return this.#environment.ready(value)
    return this.#later(value as number | undefined)
  }

  /** The value of a key as bytes, `null` when there is none. */
  getBuffer(key: Bytes): Promise<Buffer | null> {
    const value = this.#environment.binding.get(this.#handle, key, MODE_BYTES)
    if (typeof value === 'object') return this.#environment.ready(value)
    return this.#later(value as number | undefined)
  }

  /**
   * The value of a key, at once. Throws `ERR_WOULD_BLOCK` when that would have to wait: while another
   * thread is at work on the key's shard, or calls of this thread are queued for it.
   */
  getSync(key: Bytes): string | null {
    const value = this.#environment.binding.get(this.#handle, key, MODE_SYNC)
    if (typeof value === 'string' || value === null) return value
    throw this.#environment.failure()
  }

  /** As {@link getSync}, as bytes. */
  getBufferSync(key: Bytes): Buffer | null {
    const value = this.#environment.binding.get(this.#handle, key, MODE_SYNC | MODE_BYTES)
    if (typeof value === 'object') return value
    throw this.#environment.failure()
  }

  /**
   * Sets the value of a key. Resolves when the write is as safe as the store's `durability`, or the
   * call's.
   *
   * @example
   * ```ts
   * await db.set('session:42', token, { ttl: 60_000 })
   * ```
   */
  set(key: Bytes, value: Bytes, options?: SetOptions): Promise<true> {
    let deadline = DEADLINE_CLEAR
    let ms = 0
    let durability = this.#limits.level
    if (options !== undefined) {
      try {
        checkKeys('the options of set', options, SET_KEYS)
        ;[deadline, ms] = deadlineOf(options)
        durability = level(options.durability, durability)
      } catch (error) {
        return rejected(error)
      }
    }
    const bytes = key.length + value.length
    if (this.#isFull(bytes)) return rejected(this.#busy())
    const epoch = this.#environment.binding.set(this.#handle, key, value, deadline, ms)
    if (epoch === undefined) return rejected(this.#environment.failure())
    if (epoch >= 0) return this.#acknowledgements.wait(epoch, durability, bytes)
    return this.#request(-epoch, (_, written) =>
      this.#acknowledgements.wait(written, durability, bytes),
    )
  }

  /** Resolves when every call made before has taken effect and is on disk. */
  async flush(): Promise<void> {
    await this.#executed()
    const reached = this.#environment.binding.reached(this.#handle)
    if (reached === undefined) throw this.#environment.failure()
    const [, , last] = reached
    await this.#acknowledgements.wait(last, DISK, 0)
  }

  /** Resolves when none of this store's calls is unsettled any more. */
  async drain(): Promise<void> {
    await this.#executed()
    await this.#acknowledgements.idle()
  }

  /** Calls that have not settled, and the bytes of their keys and values. */
  get pressure(): { calls: number; bytes: number } {
    const { calls, bytes } = this.#acknowledgements
    return { calls: calls + this.#requests.size, bytes }
  }

  /**
   * Closes the store: calls made before settle, later ones reject with `ERR_CLOSED`. Other threads
   * of the process that have it open keep it. Closing again returns the same promise.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      const handle = this.#handle
      this.#handle = 0
      this.#closing = this.#close(handle)
    }
    return this.#closing
  }

  /** Closes the store at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(handle: Handle): Promise<void> {
    await this.drain()
    this.#environment.removeWaiter(this.#acknowledgements)
    const request = this.#environment.binding.close(handle)
    if (request === undefined) throw this.#environment.failure()
    await this.#environment.request(request, () => undefined)
  }

  #isFull(bytes: number): boolean {
    const { calls, bytes: pending } = this.#acknowledgements
    return calls >= this.#limits.pendingCalls || pending + bytes > this.#limits.pendingBytes
  }

  #busy(): SkegError {
    return new SkegError('ERR_BUSY', 'too much is unsettled: await drain(), or raise the limits')
  }

  /** What a call returned that could not answer at once: a request, or `undefined` for a failure. */
  #later<T>(request: number | undefined): Promise<T> {
    if (request === undefined) return rejected(this.#environment.failure())
    return this.#request(request, (value) => value as T)
  }

  #request<T>(id: number, finish: (value: unknown, epoch: number) => T | Promise<T>): Promise<T> {
    const promise = this.#environment.request(id, finish)
    this.#requests.add(promise)
    const forget = (): void => {
      this.#requests.delete(promise)
    }
    promise.then(forget, forget)
    return promise
  }

  /** Resolves when every request made so far has been executed, however it ended. */
  async #executed(): Promise<void> {
    await Promise.allSettled([...this.#requests])
  }
}

function deadlineOf(options: SetOptions): [kind: number, ms: number] {
  const { ttl, expireAt, keepTtl } = options
  const given = [ttl !== undefined, expireAt !== undefined, keepTtl === true]
  if (given.filter(Boolean).length > 1) {
    const message = 'give one of `ttl`, `expireAt` and `keepTtl`'
    throw new SkegError('ERR_INVALID_ARGUMENT', message)
  }
  if (ttl !== undefined) return [DEADLINE_IN, positive('ttl', ttl)]
  if (expireAt !== undefined) return [DEADLINE_AT, positive('expireAt', Number(expireAt))]
  return [keepTtl === true ? DEADLINE_KEEP : DEADLINE_CLEAR, 0]
}

function positive(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  const message = `\`${name}\` must be a whole number of milliseconds, at least 1`
  throw new SkegError('ERR_INVALID_ARGUMENT', message)
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error(String(error)))
}
