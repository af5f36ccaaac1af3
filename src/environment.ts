// One JavaScript environment's side of the addon: requests on their way, what keeps the process
// alive, and the budget of a turn of the event loop.

import { BLOCKED, type Addon, type Binding, type RequestId } from './binding.ts'
import { SkegError, type ErrorCode } from './errors.ts'
import { loadBinding } from './load-binding.ts'

/** A failure as the addon tells it. */
type Told = ReturnType<Binding['failure']>

function failureOf([code, message, reply]: Told): SkegError {
  return new SkegError(code as ErrorCode, message, { reply })
}

/** How a request ends: with an epoch to wait for (or 0) and a value, or with an error. */
interface Request {
  resolve(value: unknown, epoch: number): void
  reject(error: SkegError): void
  /** It waits for keys, perhaps for ever. */
  blocked(): void
}

/** What a request tells beside its outcome. */
export interface Course {
  /** It is over, however it ended. */
  onEnd?: () => void
  /** It waits for keys. */
  onBlocked?: () => void
  /** The error to reject with in place of the addon's. */
  failure?: (error: SkegError) => SkegError
}

/** Looked after when the addon wakes the environment. */
interface Waiter {
  settle(): void
}

let addon: Addon | undefined

/** Calls that may settle at once in one turn of the event loop, so that timers and I/O have theirs. */
const TURN_CALLS_MAX = 4_096
const TURN_MS_MAX = 1
/** What comes back and is settled in one turn: about a millisecond's worth. */
const COLLECTED_MAX = 256
/** Looking at the clock costs as much as a call: it is done once in so many. */
const CLOCK_EVERY = 64

class Environment {
  readonly binding: Binding
  readonly #requests = new Map<RequestId, Request>()
  readonly #waiters = new Set<Waiter>()
  #unsettled = 0
  #wakesAgain = false

  #turnCalls = 0
  #turnStarted = 0
  #turnIsOver = false
  readonly #deferred: (() => void)[] = []

  constructor() {
    addon ??= loadBinding()
    this.binding = addon.attach(() => {
      this.#wake()
    })
  }

  /** The error of the call that has just returned `undefined`. */
  failure(): SkegError {
    return failureOf(this.binding.failure())
  }

  /** A request that the addon has taken: `finish` gets its value and the epoch of its writes. */
  request<T>(
    id: RequestId,
    finish: (value: unknown, epoch: number) => T | Promise<T>,
    { onEnd, onBlocked, failure }: Course = {},
  ): Promise<T> {
    this.keepAlive()
    return new Promise<T>((resolve, reject) => {
      this.#requests.set(id, {
        resolve: (value, epoch) => {
          onEnd?.()
          resolve(finish(value, epoch))
        },
        reject: (error) => {
          onEnd?.()
          reject(failure?.(error) ?? error)
        },
        blocked: () => {
          onBlocked?.()
        },
      })
    })
  }

  /** Something is unsettled: the process lives on until {@link letGo} was called as often. */
  keepAlive(): void {
    if (this.#unsettled++ === 0) this.binding.keepAlive(1)
  }

  letGo(): void {
    if (--this.#unsettled === 0) this.binding.keepAlive(0)
  }

  addWaiter(waiter: Waiter): void {
    this.#waiters.add(waiter)
  }

  removeWaiter(waiter: Waiter): void {
    this.#waiters.delete(waiter)
  }

  #wake(): void {
    const ended = this.binding.collect(COLLECTED_MAX)
    for (let i = 0; i < ended.length; i += 3) {
      const id = ended[i] as RequestId
      const state = ended[i + 1] as number
      const request = this.#requests.get(id)
      if (request === undefined) continue
      if (state === BLOCKED) {
        request.blocked()
        continue
      }
      this.#requests.delete(id)
      if (state >= 0) {
        request.resolve(ended[i + 2], state)
      } else {
        request.reject(failureOf(ended[i + 2] as Told))
      }
      this.letGo()
    }
    for (const waiter of this.#waiters) waiter.settle()
    if (ended.length === 3 * COLLECTED_MAX) this.#wakeAgain()
  }

  /** The rest is collected in the next turn, and nobody wakes for it. */
  #wakeAgain(): void {
    if (this.#wakesAgain) return
    this.#wakesAgain = true
    setImmediate(() => {
      this.#wakesAgain = false
      this.#wake()
    })
  }

  /**
   * A promise of a value that is there already. Within the turn's budget it is settled at once;
   * beyond, it settles in the next turn: a loop of awaited reads would otherwise keep the event loop
   * from ever turning.
   */
  ready<T>(value: T): Promise<T> {
    return this.#mayGoOn() ? Promise.resolve(value) : this.#later(value)
  }

  #mayGoOn(): boolean {
    const calls = ++this.#turnCalls
    if (calls === 1) this.#startTurn()
    else if (calls % CLOCK_EVERY === 0) {
      this.#turnIsOver ||=
        calls >= TURN_CALLS_MAX || performance.now() - this.#turnStarted > TURN_MS_MAX
    }
    return !this.#turnIsOver
  }

  #startTurn(): void {
    this.#turnStarted = performance.now()
    setImmediate(() => {
      this.#turnCalls = 0
      this.#turnIsOver = false
      for (const settle of this.#deferred.splice(0)) settle()
    })
  }

  #later<T>(value: T): Promise<T> {
    return new Promise((resolve) => {
      this.#deferred.push(() => {
        resolve(value)
      })
    })
  }
}

export type { Environment }

let environment: Environment | undefined

/** The environment; the addon is loaded when it is first asked for. */
export function getEnvironment(): Environment {
  environment ??= new Environment()
  return environment
}
