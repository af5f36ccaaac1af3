// Changing a value by a function. Reading, the function and writing happen in one go where the
// store lets them; otherwise updates of this thread wait for one another, so that they don't make
// each other lose.

import { copyBytes, type Bytes } from './bytes.ts'
import { Changes } from './changes.ts'
import { SkegError } from './errors.ts'
import type { Lane } from './lane.ts'

/** Returns the new value, `null` to delete the key, `undefined` to leave it as it is. */
export type Change = (value: string | null) => string | null | undefined

/** How one try went: lost to somebody else, or made (in this epoch; 0 when there was nothing to do). */
type Tried = { isMade: false } | { isMade: true; value: string | null; epoch: number }

/** Losing so often in a row does not happen by chance. */
const TRIES = 1_000

export class Updates {
  readonly #lane: Lane
  /** The last of the updates that could not be made at once. */
  #last: Promise<unknown> | undefined

  constructor(lane: Lane) {
    this.#lane = lane
  }

  /** Resolves with the new value when it is as safe as the level says. */
  run(given: Bytes, change: Change, level: number): Promise<string | null> {
    const key = copyBytes(given)
    let first: Tried | Promise<Tried> | undefined
    if (this.#last === undefined) {
      first = this.#try(key, change)
      if (!(first instanceof Promise) && first.isMade) {
        return this.#lane.acknowledged(first.value, first.epoch, { level })
      }
    }
    const made = this.#queue(first, key, change)
    const forget = (): void => {
      if (this.#last === done) this.#last = undefined
    }
    const done: Promise<void> = made.then(forget, forget)
    this.#last = done
    return made.then(({ value, epoch }) => this.#lane.acknowledged(value, epoch, { level }))
  }

  async #queue(
    first: Tried | Promise<Tried> | undefined,
    key: Bytes,
    change: Change,
  ): Promise<Tried & { isMade: true }> {
    await this.#last
    let tried = await (first ?? this.#try(key, change))
    for (let tries = 1; !tried.isMade; tries++) {
      if (tries === TRIES) {
        throw new SkegError('ERR_CONFLICT', `the key was changed by others ${TRIES} times in a row`)
      }
      tried = await this.#try(key, change)
    }
    return tried
  }

  /** Reads, changes and writes: at once, if both read and write can be made at once. */
  #try(key: Bytes, change: Change): Tried | Promise<Tried> {
    const { environment, handle } = this.#lane
    const number = this.#lane.nextTransaction()
    const value = environment.binding.watch(handle, number, key, 0)
    const ended = environment.binding.ended()
    if (ended === 0) return this.#write(number, key, change, value as string | null)
    if (Number.isNaN(ended)) throw environment.failure()
    return this.#lane
      .request(-ended, (late) => late as string | null)
      .then((late) => this.#write(number, key, change, late))
  }

  #write(number: number, key: Bytes, change: Change, value: string | null): Tried | Promise<Tried> {
    try {
      const changed = change(value)
      if (changed === undefined) return { isMade: true, value, epoch: 0 }
      const changes = new Changes()
      if (changed === null) changes.remove(key)
      else changes.set(key, changed, { keepTtl: true })
      return this.#commit(number, changes, changed)
    } finally {
      // Queued behind the commit, if that was queued. Nothing depends on when it happens.
      this.#lane.environment.binding.release(this.#lane.handle, number)
      void this.#lane.settle(undefined).catch(() => undefined)
    }
  }

  #commit(number: number, changes: Changes, value: string | null): Tried | Promise<Tried> {
    const { environment, handle } = this.#lane
    environment.binding.commit(handle, number, changes.list)
    const epoch = environment.binding.ended()
    if (epoch >= 0) return { isMade: true, value, epoch }
    if (Number.isNaN(epoch)) return lost(environment.failure())
    return this.#lane
      .request<Tried>(-epoch, (_, written) => ({ isMade: true, value, epoch: written }))
      .catch(lost)
  }
}

/** A conflict is tried again; everything else is an error. */
function lost(error: unknown): Tried {
  if (error instanceof SkegError && error.code === 'ERR_CONFLICT') return { isMade: false }
  throw error
}
