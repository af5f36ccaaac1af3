// Writers of vectors at the pace of the disk. A write takes effect when it is called; but while the vectors
// of its index wait in memory to be written, its promise waits, too. Whoever awaits what he writes thus
// never writes faster than segments are made, and is never refused.

import { setTimeout as pause } from 'node:timers/promises'

/** After so many bytes of vectors it is asked how an index stands. */
const UNASKED_BYTES = 1 << 20
/** How often it is asked while it is behind, in milliseconds. */
const AGAIN_MS = 5

interface Pace {
  /** Bytes written since it was last asked. */
  unasked: number
  /** Resolves when the index has caught up. */
  catchingUp?: Promise<void>
}

export class Paces {
  readonly #isBehind: (index: string) => Promise<boolean>
  readonly #paces = new Map<string, Pace>()

  /** `isBehind` asks how an index stands. */
  constructor(isBehind: (index: string) => Promise<boolean>) {
    this.#isBehind = isBehind
  }

  /** The promise of a write of so many bytes that was called just now, at the pace of its index. */
  keep<T>(index: string, bytes: number, written: Promise<T>): Promise<T> {
    let pace = this.#paces.get(index)
    if (pace === undefined) this.#paces.set(index, (pace = { unasked: 0 }))
    pace.unasked += bytes
    if (pace.catchingUp === undefined && pace.unasked >= UNASKED_BYTES) {
      const catchingUp = this.#catchUp(index).finally(() => this.#paces.delete(index))
      pace.catchingUp = catchingUp
    }
    const { catchingUp } = pace
    if (catchingUp === undefined) return written
    return written.then((value) => catchingUp.then(() => value))
  }

  /** Resolves when no write waits for its index. */
  async idle(): Promise<void> {
    const all = Array.from(this.#paces.values(), (pace) => pace.catchingUp ?? Promise.resolve())
    await Promise.all(all)
  }

  async #catchUp(index: string): Promise<void> {
    try {
      while (await this.#isBehind(index)) await pause(AGAIN_MS)
    } catch {
      // The index is gone or the store closed: there is nothing to wait for.
    }
  }
}
