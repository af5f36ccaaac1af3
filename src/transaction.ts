// Optimistic transactions: reads are watched, changes are collected, and made only if nothing that
// was read has changed.

import { MODE_BYTES, MODE_UNREAD } from './binding.ts'
import { keyName, textOf, type Bytes, type Vector, type VectorId } from './bytes.ts'
import { Changes, type ChangeOptions } from './changes.ts'
import { SkegError } from './errors.ts'
import { TransactionCommands } from './generated/commands.ts'
import type { Lane } from './lane.ts'

/** How often a transaction is tried before it gives up. */
const TRIES = 16

/** The index of a transaction: vectors commit together with keys. */
export interface TransactionIndex {
  /** Stores a vector. */
  set(id: VectorId, vector: Vector): void
  /** Deletes a vector. */
  del(id: VectorId): void
}

/**
 * What the callback of {@link Database.transaction} works with. Reads see the store as it is, and the
 * transaction's own changes; changes are made when the callback has ended. What a command would make of
 * a key that the transaction has changed before is not known until then: reading it is refused.
 */
export class Transaction extends TransactionCommands {
  readonly #lane: Lane
  readonly #number: number
  readonly #changes = new Changes()
  /** What this transaction has set (or deleted: `null`). */
  readonly #own = new Map<string, Buffer | null>()
  /** What commands of this transaction will have changed. */
  readonly #changed = new Set<string>()
  #isOver = false

  private constructor(lane: Lane) {
    super()
    this.#lane = lane
    this.#number = lane.nextTransaction()
  }

  /** @internal */
  static create(lane: Lane): Transaction {
    return new Transaction(lane)
  }

  /** The value of a key as a string, `null` when there is none. */
  async get(key: Bytes): Promise<string | null> {
    const own = this.#ownValue(key)
    if (own !== undefined) return own === null ? null : textOf(own)
    return this.#read(key, 0) as Promise<string | null>
  }

  /** The value of a key as bytes, `null` when there is none. */
  async getBuffer(key: Bytes): Promise<Buffer | null> {
    const own = this.#ownValue(key)
    if (own !== undefined) return own === null ? null : Buffer.from(own)
    return this.#read(key, MODE_BYTES) as Promise<Buffer | null>
  }

  /** Whether there is such a key. */
  async exists(key: Bytes): Promise<boolean> {
    return (await this.getBuffer(key)) !== null
  }

  /** Sets a key when the transaction commits. */
  set(key: Bytes, value: Bytes, options?: ChangeOptions): this {
    this.#checkOpen()
    this.#changes.set(key, value, options)
    this.#note(key, Buffer.from(value as string))
    return this
  }

  /** Deletes keys when the transaction commits. */
  del(...keys: Bytes[]): this {
    this.#checkOpen()
    for (const key of keys) {
      this.#changes.remove(key)
      this.#note(key, null)
    }
    return this
  }

  /** Gives a key a new deadline when the transaction commits; `null` takes it away. */
  setTtl(key: Bytes, ms: number | null): this {
    this.#checkOpen()
    this.#changes.expire(key, ms)
    return this
  }

  /** A vector index, by its name: its changes are made with the others. */
  index(name: string): TransactionIndex {
    return {
      set: (id, vector) => {
        this.#checkOpen()
        this.#changes.setVector(name, id, vector)
      },
      del: (id) => {
        this.#checkOpen()
        this.#changes.removeVector(name, id)
      },
    }
  }

  /** @internal */
  collect(keys: readonly Bytes[], words: readonly Bytes[]): void {
    this.#checkOpen()
    this.#changes.command(words)
    for (const key of keys) {
      this.#own.delete(keyName(key))
      this.#changed.add(keyName(key))
    }
  }

  /** @internal */
  async read<T>(
    keys: () => readonly Bytes[],
    words: () => readonly Bytes[],
    mode: number,
    convert?: (reply: unknown) => T,
  ): Promise<T> {
    this.#checkOpen()
    const args = words()
    const all = keys()
    if (all.some((key) => this.#own.has(keyName(key)))) throw changedBefore()
    for (const key of all) this.#checkUnchanged(key)
    // Calls take effect in their order: what changes behind the watch is noticed when it commits.
    const watched = all.map((key) => this.#read(key, MODE_UNREAD))
    const [reply] = await Promise.all([this.#lane.command(args, mode, { convert }), ...watched])
    return reply
  }

  /** What the transaction has made of a key: its value, `null` when deleted, `undefined` when nothing. */
  #ownValue(key: Bytes): Buffer | null | undefined {
    this.#checkOpen()
    this.#checkUnchanged(key)
    return this.#own.get(keyName(key))
  }

  #note(key: Bytes, value: Buffer | null): void {
    this.#changed.delete(keyName(key))
    this.#own.set(keyName(key), value)
  }

  #checkUnchanged(key: Bytes): void {
    if (this.#changed.has(keyName(key))) throw changedBefore()
  }

  #read(key: Bytes, mode: number): Promise<unknown> {
    const { environment, handle } = this.#lane
    return this.#lane.settle(environment.binding.watch(handle, this.#number, key, mode))
  }

  /** @internal */
  async commit(level: number): Promise<void> {
    this.#isOver = true
    const { environment, handle } = this.#lane
    const { bytes, list } = this.#changes
    this.#lane.checkPressure(bytes)
    environment.binding.commit(handle, this.#number, list)
    await this.#lane.settle<undefined>(undefined, { level, bytes })
  }

  /** @internal */
  async release(): Promise<void> {
    this.#isOver = true
    const { environment, handle } = this.#lane
    environment.binding.release(handle, this.#number)
    await this.#lane.settle<undefined>(undefined)
  }

  #checkOpen(): void {
    if (this.#isOver) throw new SkegError('ERR_INVALID_ARGUMENT', 'the transaction is over')
  }
}

function changedBefore(): SkegError {
  const message = 'the transaction has changed this key: read it before, or after the transaction'
  return new SkegError('ERR_INVALID_ARGUMENT', message)
}

/** Runs the callback until it commits, {@link TRIES} times at most. */
export async function transact<T>(
  lane: Lane,
  run: (transaction: Transaction) => T | Promise<T>,
  level: number,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    const transaction = Transaction.create(lane)
    try {
      const result = await run(transaction)
      await transaction.commit(level)
      return result
    } catch (error) {
      const isConflict = error instanceof SkegError && error.code === 'ERR_CONFLICT'
      if (!isConflict || tried === TRIES) throw error
    } finally {
      // What it watched is forgotten; nothing depends on when.
      await transaction.release().catch(() => undefined)
    }
  }
}
