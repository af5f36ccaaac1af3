// What happens to a store while nobody calls it, told to listeners.

import { EventEmitter } from 'node:events'
import { SkegError } from './errors.ts'
import type { Lane } from './lane.ts'

/** Events of an open store, with what their listeners are called with. */
export interface DatabaseEvents {
  /**
   * The log has failed: a write or a sync that cannot be tried again without the risk of losing what was
   * acknowledged. Nothing is written any more until the store is opened again; reads go on. Told once.
   */
  error: [error: SkegError]
}

/** Watches the log of an open store, as long as somebody listens. */
export class Events {
  readonly #lane: Lane
  readonly #listeners = new EventEmitter<DatabaseEvents>()
  #told = false

  constructor(lane: Lane) {
    this.#lane = lane
  }

  on<E extends keyof DatabaseEvents>(
    event: E,
    listener: (...args: DatabaseEvents[E]) => void,
  ): void {
    this.#listeners.on<keyof DatabaseEvents>(event, listener)
    this.#lane.environment.addWaiter(this)
    // It may have happened before anybody listened.
    queueMicrotask(() => {
      this.settle()
    })
  }

  off<E extends keyof DatabaseEvents>(
    event: E,
    listener: (...args: DatabaseEvents[E]) => void,
  ): void {
    this.#listeners.off<keyof DatabaseEvents>(event, listener)
    if (this.#listeners.listenerCount('error') === 0) this.close()
  }

  /** Looks at the log; called when the addon has news. */
  settle(): void {
    if (this.#told || this.#listeners.listenerCount('error') === 0) return
    const { environment, handle } = this.#lane
    const failed = environment.binding.reached(handle)?.[3] ?? null
    if (failed === null) return
    this.#told = true
    const message = `the log failed, and nothing is written until the store is opened again: ${failed}`
    this.#listeners.emit('error', new SkegError('ERR_IO', message))
  }

  /** Nobody is told any more. */
  close(): void {
    this.#lane.environment.removeWaiter(this)
  }
}
