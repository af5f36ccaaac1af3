// Batches: changes that are made together without reading anything.

import type { Bytes } from './bytes.ts'
import { Changes, type ChangeOptions } from './changes.ts'
import { SkegError } from './errors.ts'
import { ChangeCommands } from './generated/commands.ts'
import type { Lane } from './lane.ts'
import { checkKeys, level, type Durability } from './options.ts'

/** No transaction: nothing was read that could have changed. */
const NO_TRANSACTION = 0

/** Options of {@link Batch.write} and {@link Database.setMany}. */
export interface WriteOptions {
  /** How safe the write is when the promise resolves. */
  durability?: Durability
}

/** The level that options of a write ask for. */
export function writeLevel(options: WriteOptions, standard: number): number {
  checkKeys('the options of write', options, ['durability'])
  return level(options.durability, standard)
}

/**
 * Changes that are made together, all or none; made by {@link Database.batch}. What a command replies is
 * not known: {@link Database.transaction} reads before it writes.
 *
 * @example
 * ```ts
 * await db.batch().set('a', '1').del('b').lPush('log', 'a').write()
 * ```
 */
export class Batch extends ChangeCommands {
  readonly #lane: Lane
  readonly #changes = new Changes()
  #isWritten = false

  private constructor(lane: Lane) {
    super()
    this.#lane = lane
  }

  /** @internal */
  static create(lane: Lane): Batch {
    return new Batch(lane)
  }

  /** Sets a key. */
  set(key: Bytes, value: Bytes, options?: ChangeOptions): this {
    this.#changes.set(key, value, options)
    return this
  }

  /** Deletes keys; those that are not there don't matter. */
  del(...keys: Bytes[]): this {
    for (const key of keys) this.#changes.remove(key)
    return this
  }

  /** Gives a key that is there a new deadline, in milliseconds from now; `null` takes it away. */
  setTtl(key: Bytes, ms: number | null): this {
    this.#changes.expire(key, ms)
    return this
  }

  /** @internal */
  collect(_keys: readonly Bytes[], words: readonly Bytes[]): void {
    this.#changes.command(words)
  }

  /** Makes the changes. A batch is written once. */
  async write(options: WriteOptions = {}): Promise<void> {
    const asked = writeLevel(options, this.#lane.options.level)
    if (this.#isWritten) {
      throw new SkegError('ERR_INVALID_ARGUMENT', 'the batch was written already')
    }
    const { bytes } = this.#changes
    this.#lane.checkPressure(bytes)
    this.#isWritten = true
    const { binding } = this.#lane.environment
    binding.commit(this.#lane.handle, NO_TRANSACTION, this.#changes.list)
    await this.#lane.settle<undefined>(undefined, { level: asked, bytes })
  }
}
