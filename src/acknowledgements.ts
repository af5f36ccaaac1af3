// When writes are acknowledged: each waits for its epoch to reach its level.
//
// Writes of one batch have the same epoch, so they share one promise: the promise of an epoch, not
// of a call. It costs nothing per call, and one native callback settles them all.

import { NEVER, WAITING, type Handle } from './binding.ts'
import type { Environment } from './environment.ts'
import { SkegError } from './errors.ts'

/** Levels that an acknowledgement can wait for. */
export const MEMORY = 0
export const KERNEL = 1
export const DISK = 2

/** Calls that are settled in one turn of the event loop: about a millisecond's worth. */
const SETTLED_MAX = 1_024

/** All writes that wait for one epoch at one level. */
interface Batch {
  readonly epoch: number
  readonly promise: Promise<true>
  readonly resolve: (stored: true) => void
  readonly reject: (error: SkegError) => void
  calls: number
  bytes: number
  /** Called when it is over, however it ended. */
  readonly onEnd: (() => void)[]
}

/** The batches of one level, oldest first. */
class Level {
  readonly batches: Batch[] = []
  /** The addon has been asked to tell when the oldest is reached. */
  asked = false

  get oldest(): number {
    return this.batches[0]?.epoch ?? 0
  }
}

/** Acknowledgements of one open store. */
export class Acknowledgements {
  readonly #environment: Environment
  readonly #handle: Handle
  readonly #kernel = new Level()
  readonly #disk = new Level()
  #submitting = false
  #resuming = false
  #calls = 0
  #bytes = 0

  constructor(environment: Environment, handle: Handle) {
    this.#environment = environment
    this.#handle = handle
  }

  /** Writes that wait. */
  get calls(): number {
    return this.#calls
  }

  /** Bytes of keys and values in them. */
  get bytes(): number {
    return this.#bytes
  }

  /** Resolves when the epoch has reached the level. */
  wait(epoch: number, level: number, bytes: number): Promise<true> {
    if (epoch === 0 || level === MEMORY) {
      if (epoch !== 0) this.#submitSoon()
      return this.#environment.ready(true)
    }
    const batch = this.#batchOf(level === DISK ? this.#disk : this.#kernel, epoch)
    batch.calls++
    batch.bytes += bytes
    this.#calls++
    this.#bytes += bytes
    return batch.promise
  }

  #batchOf(level: Level, epoch: number): Batch {
    const { batches } = level
    const newest = batches.at(-1)
    if (newest?.epoch === epoch && newest.calls < SETTLED_MAX) return newest
    const batch = newBatch(epoch)
    // A write that had to queue can come back with an older epoch than one made at once.
    let place = batches.length
    while (place > 0 && (batches[place - 1]?.epoch ?? 0) > epoch) place--
    batches.splice(place, 0, batch)
    if (place === 0) level.asked = false
    this.#environment.keepAlive()
    this.#submitSoon()
    return batch
  }

  /** Once for all calls of a microtask's batch, the log is told that there is something to write. */
  #submitSoon(): void {
    if (this.#submitting) return
    this.#submitting = true
    queueMicrotask(() => {
      this.#submitting = false
      this.#submit()
    })
  }

  #submit(): void {
    const ask = (level: Level): number => {
      if (level.asked) return 0
      level.asked = level.oldest > 0
      return level.oldest
    }
    const { binding } = this.#environment
    const answer = binding.submit(this.#handle, ask(this.#kernel), ask(this.#disk))
    if (answer === undefined || answer === WAITING) return
    this.settle()
    if (answer === NEVER && !this.#resuming) {
      this.rejectAll(
        new SkegError('ERR_OUTCOME_UNKNOWN', 'the store was closed before it was written'),
      )
    }
  }

  /** Settles what has been reached; called when the addon has news. */
  settle(): void {
    if (this.#calls === 0 || this.#resuming) return
    const reached = this.#environment.binding.reached(this.#handle)
    if (reached === undefined) return
    const [kernel, disk, , failed] = reached
    let left = SETTLED_MAX
    left = this.#settleLevel(this.#kernel, kernel, left)
    left = this.#settleLevel(this.#disk, disk, left)
    if (left <= 0) {
      this.#resuming = true
      setImmediate(() => {
        this.#resuming = false
        this.settle()
      })
    } else if (failed !== null) {
      this.rejectAll(new SkegError('ERR_OUTCOME_UNKNOWN', `the log failed: ${failed}`))
    } else if (this.#calls > 0) {
      this.#kernel.asked = false
      this.#disk.asked = false
      this.#submitSoon()
    }
  }

  #settleLevel(level: Level, epoch: number, left: number): number {
    while (left > 0 && level.oldest !== 0 && level.oldest <= epoch) {
      const batch = level.batches.shift()
      if (batch === undefined) break
      left -= batch.calls
      this.#forget(batch)
      batch.resolve(true)
    }
    return left
  }

  /** Resolves when everything that waits now is over, however it ended. */
  async idle(): Promise<void> {
    const waiting = [this.#kernel, this.#disk].flatMap((level) => level.batches)
    // Not through their promises: looking at one would count as handling its rejection.
    await Promise.all(waiting.map((batch) => new Promise<void>((end) => batch.onEnd.push(end))))
  }

  /** Nothing that waits will ever be acknowledged. */
  rejectAll(error: SkegError): void {
    for (const level of [this.#kernel, this.#disk]) {
      level.asked = false
      for (const batch of level.batches.splice(0)) {
        this.#forget(batch)
        batch.reject(error)
      }
    }
  }

  #forget(batch: Batch): void {
    this.#calls -= batch.calls
    this.#bytes -= batch.bytes
    this.#environment.letGo()
    for (const end of batch.onEnd) end()
  }
}

function newBatch(epoch: number): Batch {
  let resolve!: (stored: true) => void
  let reject!: (error: SkegError) => void
  const promise = new Promise<true>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { epoch, promise, resolve, reject, calls: 0, bytes: 0, onEnd: [] }
}
