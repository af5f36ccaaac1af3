// Messages as an async iterator.

import { MODE_BYTES } from './binding.ts'
import { sizeOf, type Bytes } from './bytes.ts'
import { SkegError } from './errors.ts'
import type { Lane } from './lane.ts'
import { checkKeys, expected } from './options.ts'

/** What {@link Database.subscribe} listens to: channels by name, or every channel that fits a pattern. */
export type Channels = Bytes | readonly Bytes[] | Patterns

/** Patterns of channels: `*`, `?` and `[...]` as in Redis. */
export interface Patterns {
  /** The pattern, or several. */
  pattern: Bytes | readonly Bytes[]
}

/** Options of {@link Database.subscribe}. */
export interface SubscribeOptions {
  /** Ends the iteration with `ERR_ABORTED`. */
  signal?: AbortSignal
}

/** A message that was published. */
export interface Message<T = string> {
  /** The channel that it was published on. */
  channel: T
  /** What was published. */
  message: T
  /** The pattern that the channel fits, when patterns were subscribed to. */
  pattern?: T
}

/** Kinds of names, as the addon numbers them. */
const CHANNELS = 0
const PATTERNS = 1

/** What the addon is asked to listen to. Throws for what is no channel. */
export function readChannels(channels: Channels): { kind: number; names: readonly Bytes[] } {
  const isName = (value: unknown): value is Bytes =>
    typeof value === 'string' || value instanceof Uint8Array
  const isList = (value: unknown): value is readonly Bytes[] => Array.isArray(value)
  let kind = CHANNELS
  let names: unknown = channels
  if (typeof channels === 'object' && !isName(channels) && !isList(channels)) {
    checkKeys('channels', channels, ['pattern'])
    kind = PATTERNS
    names = channels.pattern
  }
  const list = isName(names) ? [names] : names
  if (!isList(list) || list.length === 0) throw expected('channels', 'a name, or a list of names')
  list.forEach(sizeOf)
  return { kind, names: list }
}

/** The signal among the options. */
export function readSubscribeOptions(options: SubscribeOptions): AbortSignal | undefined {
  checkKeys('the options of subscribe', options, ['signal'])
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw expected('signal', 'an AbortSignal')
  }
  return signal
}

/** Messages that are taken from the addon at a time. */
const TAKEN_MAX = 256

/** Whoever waits for the next message. */
interface Waiting<T> {
  resolve(result: IteratorResult<Message<T>, undefined>): void
  reject(error: SkegError): void
}

/**
 * The messages of some channels, in the order of publishing, from the moment it was made. Made by
 * {@link Database.subscribe}; ends with `return()` (which leaving a `for await` calls), with its signal, and
 * with the store. Messages that nobody takes wait, up to 64 MiB; then it ends with `ERR_BUSY`.
 */
export class Subscription<T = string> implements AsyncIterableIterator<Message<T>, undefined> {
  readonly #lane: Lane
  readonly #number: number
  readonly #mode: number
  readonly #signal: AbortSignal | undefined
  readonly #messages: Message<T>[] = []
  readonly #waiting: Waiting<T>[] = []
  #isOver = false
  /** Why it ended, for whoever asks next. */
  #error: SkegError | undefined

  private constructor(lane: Lane, number: number, mode: number, signal: AbortSignal | undefined) {
    this.#lane = lane
    this.#number = number
    this.#mode = mode
    this.#signal = signal
  }

  /** @internal */
  static create<T>(
    lane: Lane,
    channels: Channels,
    options: SubscribeOptions,
    asBytes: boolean,
  ): Subscription<T> {
    const { kind, names } = readChannels(channels)
    const signal = readSubscribeOptions(options)
    const { binding } = lane.environment
    const number = binding.subscribe(lane.handle, kind, names)
    if (number === undefined) throw lane.environment.failure()
    const subscription = new Subscription<T>(lane, number, asBytes ? MODE_BYTES : 0, signal)
    lane.addDependent(subscription)
    lane.environment.addWaiter(subscription)
    if (signal?.aborted === true) subscription.#abort()
    else signal?.addEventListener('abort', subscription.#abort)
    return subscription
  }

  readonly #abort = (): void => {
    this.#error = new SkegError('ERR_ABORTED', 'the signal of the subscription was aborted', {
      cause: this.#signal?.reason,
    })
    this.#end()
  }

  /** The next message, as soon as there is one. */
  next(): Promise<IteratorResult<Message<T>, undefined>> {
    // Whoever has asked before is answered before.
    if (this.#messages.length === 0 && this.#waiting.length === 0) this.#take()
    const message = this.#messages.shift()
    if (message !== undefined) return Promise.resolve({ value: message, done: false })
    if (this.#error !== undefined) {
      const error = this.#error
      this.#error = undefined
      return Promise.reject(error)
    }
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true })
    this.#lane.environment.keepAlive()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  /** Ends the subscription. */
  return(): Promise<IteratorResult<Message<T>, undefined>> {
    this.#messages.length = 0
    this.#end()
    return Promise.resolve({ value: undefined, done: true })
  }

  /** Itself: it is what a `for await` loop takes. */
  [Symbol.asyncIterator](): this {
    return this
  }

  /** Ends the subscription at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /**
   * Something has come, for whoever waits: what nobody waits for stays in the addon, which counts it.
   * @internal
   */
  settle(): void {
    while (this.#waiting.length > 0 && !this.#isOver) {
      if (this.#messages.length === 0) this.#take()
      const value = this.#messages.shift()
      if (value === undefined) break
      this.#answer((waiting) => {
        waiting.resolve({ value, done: false })
      })
    }
  }

  /** Takes some of what waits in the addon. */
  #take(): void {
    if (this.#isOver) return
    const { environment, handle } = this.#lane
    const values = environment.binding.messages(handle, this.#number, this.#mode, TAKEN_MAX)
    if (values === undefined) {
      this.#error = environment.failure()
      this.#end()
      return
    }
    for (let i = 0; i < values.length; i += 3) {
      const message: Message<T> = { channel: values[i] as T, message: values[i + 1] as T }
      if (values[i + 2] !== null) message.pattern = values[i + 2] as T
      this.#messages.push(message)
    }
  }

  /**
   * The store is closed.
   * @internal
   */
  close(): void {
    this.#end()
  }

  #answer(how: (waiting: Waiting<T>) => void): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) return
    how(waiting)
    this.#lane.environment.letGo()
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { environment, handle } = this.#lane
    environment.binding.unsubscribe(handle, this.#number)
    environment.removeWaiter(this)
    this.#lane.removeDependent(this)
    this.#signal?.removeEventListener('abort', this.#abort)
    while (this.#waiting.length > 0) {
      const error = this.#error
      this.#error = undefined
      this.#answer((waiting) => {
        if (error === undefined) waiting.resolve({ value: undefined, done: true })
        else waiting.reject(error)
      })
    }
  }
}
