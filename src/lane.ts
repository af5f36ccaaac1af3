// One open store as the methods of the package see it: how a native call becomes a promise.

import { Acknowledgements, DISK } from './acknowledgements.ts'
import { MODE_LOCAL, type Handle } from './binding.ts'
import { attempt, rejected, sizeOfAll, type Bytes } from './bytes.ts'
import type { Environment } from './environment.ts'
import { SkegError } from './errors.ts'
import { Paces } from './pace.ts'
import { readListenOptions, Server, type Listening, type ListenOptions } from './server.ts'

/** Limits and defaults of an open store. */
export interface LaneOptions {
  readonly level: number
  readonly pendingBytes: number
  readonly pendingCalls: number
}

/** How a call is acknowledged, and what its value becomes. */
export interface CallOptions<T> {
  /** The level that its writes have to reach; the store's by default. */
  level?: number
  /** Bytes of keys and values in it. */
  bytes?: number
  /** Turns what the addon returned into the value of the promise; may throw. */
  convert?: ((value: unknown) => T) | undefined
  /** Calls the command off, if it waits. */
  signal?: AbortSignal | undefined
}

/** No store has this handle: calls after close fail as they must. */
const CLOSED: Handle = 0

export class Lane {
  readonly environment: Environment
  readonly options: LaneOptions
  handle: Handle
  readonly #acknowledgements: Acknowledgements
  /** Requests on their way. */
  readonly #requests = new Set<Gate>()
  /** Those that wait for keys: they may take for ever. */
  readonly #waits = new Set<Gate>()
  #requestBytes = 0
  readonly #servers = new Set<Server>()
  readonly #paces = new Paces((index) => this.#isBehind(index))
  /** What ends with the store. */
  readonly #dependents = new Set<{ close(): void }>()
  #transactions = 0

  constructor(environment: Environment, handle: Handle, options: LaneOptions) {
    this.environment = environment
    this.handle = handle
    this.options = options
    this.#acknowledgements = new Acknowledgements(environment, handle)
    environment.addWaiter(this.#acknowledgements)
  }

  get pendingCalls(): number {
    return this.#acknowledgements.calls + this.#requests.size + this.#waits.size
  }

  get pendingBytes(): number {
    return this.#acknowledgements.bytes + this.#requestBytes
  }

  /** The number of a new transaction. */
  nextTransaction(): number {
    this.#transactions = (this.#transactions + 1) % 2 ** 32 || 1
    return this.#transactions
  }

  /** Throws when too much is unsettled for another call of so many bytes. One alone may have any number of them. */
  checkPressure(bytes: number): void {
    const { pendingCalls, pendingBytes } = this.options
    const isAlone = this.pendingCalls === 0
    const fits = this.pendingCalls < pendingCalls && this.pendingBytes + bytes <= pendingBytes
    if (isAlone || fits) return
    throw new SkegError('ERR_BUSY', 'too much is unsettled: await drain(), or raise the limits')
  }

  /** Resolves when an epoch has reached a level. */
  wait(epoch: number, level = this.options.level, bytes = 0): Promise<true> {
    return this.#acknowledgements.wait(epoch, level, bytes)
  }

  /** Runs a command of the table. */
  command<T>(args: readonly unknown[], mode: number, options: CallOptions<T> = {}): Promise<T> {
    const value = this.environment.binding.command(this.handle, mode, args)
    return this.settle(value, options)
  }

  /** Runs a command that may take log space: its bytes count as unsettled. `words` may throw. */
  write<T>(
    words: () => readonly unknown[],
    mode: number,
    options: CallOptions<T> = {},
  ): Promise<T> {
    return attempt(() => {
      const args = words()
      const bytes = sizeOfAll(args)
      this.checkPressure(bytes)
      return this.command(args, mode, { ...options, bytes })
    })
  }

  /** The promise of a write of vectors, which waits while its index is behind. */
  paced<T>(index: string, bytes: number, written: Promise<T>): Promise<T> {
    return this.#paces.keep(index, bytes, written)
  }

  #isBehind(index: string): Promise<boolean> {
    const convert = (reply: unknown): boolean =>
      (reply as Record<string, unknown>)['state'] === 'behind'
    return this.command(['SKEG.VINDEX.INFO', index], MODE_LOCAL, { convert })
  }

  /** The promise of a call that ended as `ended()` tells. */
  settle<T>(value: unknown, options: CallOptions<T> = {}): Promise<T> {
    const epoch = this.environment.binding.ended()
    if (epoch >= 0) return this.acknowledged(value, epoch, options)
    if (Number.isNaN(epoch)) return Promise.reject(this.environment.failure())
    const finish = (late: unknown, written: number): Promise<T> =>
      this.acknowledged(late, written, options)
    return this.request(-epoch, finish, options.bytes, options.signal)
  }

  /** The promise of a value, when what was written with it is as safe as it has to be. */
  acknowledged<T>(value: unknown, epoch: number, options: CallOptions<T>): Promise<T> {
    const { level = this.options.level, bytes, convert } = options
    let converted: T
    try {
      converted = convert === undefined ? (value as T) : convert(value)
    } catch (error) {
      return rejected(error)
    }
    if (epoch === 0) return this.environment.ready(converted)
    return this.wait(epoch, level, bytes).then(() => converted)
  }

  /** The promise of a call that the addon has queued. */
  request<T>(
    id: number,
    finish: (value: unknown, epoch: number) => T | Promise<T>,
    bytes = 0,
    signal?: AbortSignal,
  ): Promise<T> {
    const { handle } = this
    const over = new Gate()
    let wait: Gate | undefined
    this.#requests.add(over)
    this.#requestBytes += bytes
    const callOff = (): void => {
      this.environment.binding.callOff(handle, id)
    }
    signal?.addEventListener('abort', callOff)
    return this.environment.request(id, finish, {
      onBlocked: () => {
        wait = new Gate()
        this.#waits.add(wait)
        this.#requests.delete(over)
        over.open()
      },
      onEnd: () => {
        signal?.removeEventListener('abort', callOff)
        this.#requestBytes -= bytes
        this.#requests.delete(over)
        over.open()
        if (wait === undefined) return
        this.#waits.delete(wait)
        wait.open()
      },
      failure: (error) => this.#calledOff(error, signal),
    })
  }

  /** Only the end of the store and the signal of a call call it off. */
  #calledOff(error: SkegError, signal: AbortSignal | undefined): SkegError {
    if (error.code !== 'ERR_ABORTED') return error
    if (signal?.aborted === true) return aborted(signal)
    return new SkegError('ERR_CLOSED', 'the store was closed while the call waited')
  }

  /** Resolves when every call made so far has taken effect, but those that wait, and is on disk. */
  async flush(): Promise<void> {
    await this.#executed()
    const reached = this.environment.binding.reached(this.handle)
    if (reached === undefined) throw this.environment.failure()
    const [, , last] = reached
    await this.wait(last, DISK)
  }

  /** Resolves when every call made so far has settled, but those that wait, however it ended. */
  async drain(): Promise<void> {
    await this.#executed()
    await this.#acknowledgements.idle()
    await this.#paces.idle()
  }

  /** Serves the store to clients until it or the server is closed. */
  async listen(options: ListenOptions): Promise<Server> {
    const { host, port, unixSocket, maxConnections } = readListenOptions(options)
    const { environment } = this
    const { binding } = environment
    const request = binding.listen(this.handle, host, port, unixSocket, maxConnections)
    if (request === undefined) throw environment.failure()
    const listening = await this.request(request, (value) => value as Listening)
    const server = Server.create(environment, listening, () => this.#servers.delete(server))
    this.#servers.add(server)
    return server
  }

  /** Reads a part of a value that is read part by part. */
  readPart(reading: number, start: number, bytes: number): Promise<Buffer> {
    const request = this.environment.binding.readPart(this.handle, reading, start, bytes)
    if (request === undefined) return Promise.reject(this.environment.failure())
    return this.request(request, (part) => part as Buffer)
  }

  /** Begins to write a value in parts: its number; `null` when there is no disk to write it to. */
  beginWriting(key: Bytes): number | null {
    const writing = this.environment.binding.beginWriting(this.handle, key)
    if (writing === undefined) throw this.environment.failure()
    return writing
  }

  /** Writes the next part of a value; its bytes are copied before this returns. */
  writePart(writing: number, part: Uint8Array): Promise<void> {
    const request = this.environment.binding.writePart(this.handle, writing, part)
    if (request === undefined) return Promise.reject(this.environment.failure())
    return this.request(request, () => undefined, part.length)
  }

  /** All parts of a value are written: resolves when it is on the disk. */
  endWriting(writing: number): Promise<void> {
    const request = this.environment.binding.endWriting(this.handle, writing)
    if (request === undefined) return Promise.reject(this.environment.failure())
    return this.request(request, () => undefined)
  }

  addDependent(dependent: { close(): void }): void {
    this.#dependents.add(dependent)
  }

  removeDependent(dependent: { close(): void }): void {
    this.#dependents.delete(dependent)
  }

  /** Lets what was called settle, calls off what waits, then gives the store back. Later calls fail. */
  async close(): Promise<void> {
    for (const dependent of this.#dependents) dependent.close()
    const { handle } = this
    this.handle = CLOSED
    this.environment.binding.callOff(handle, 0)
    // A server that is being started counts as one that runs.
    await this.#executed()
    await Promise.all([...this.#servers].map((server) => server.close()))
    await Promise.all(Array.from(this.#waits, (wait) => wait.passed))
    await this.drain()
    this.environment.removeWaiter(this.#acknowledgements)
    const request = this.environment.binding.close(handle)
    if (request === undefined) throw this.environment.failure()
    await this.environment.request(request, () => undefined)
  }

  /** Resolves when every request made so far has been executed, however it ended, or waits. */
  async #executed(): Promise<void> {
    await Promise.all(Array.from(this.#requests, (request) => request.passed))
  }
}

/** A promise that somebody else resolves. */
class Gate {
  open: () => void = () => undefined
  readonly passed = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

/** The error of a call whose signal was aborted. */
export function aborted(signal: AbortSignal): SkegError {
  return new SkegError('ERR_ABORTED', 'the signal of the call was aborted', {
    cause: signal.reason,
  })
}
