// Values as streams: read in parts, so that nobody has to hold one whole.

import { Readable } from 'node:stream'
import { sizeOf, type Bytes } from './bytes.ts'
import { SkegError } from './errors.ts'
import { aborted, type Lane } from './lane.ts'
import { checkKeys, integer, signalOf } from './options.ts'

/** Options of {@link Database.getStream}. */
export interface GetStreamOptions {
  /**
   * The first byte.
   * @defaultValue 0
   */
  start?: number
  /**
   * The first byte that is not wanted any more; beyond the end of the value it is cut.
   * @defaultValue the end of the value
   */
  end?: number
  /** Destroys the stream with `ERR_ABORTED`. */
  signal?: AbortSignal
}

/** The options as the stream needs them. */
interface Range {
  start: number
  end: number
  signal: AbortSignal | undefined
}

/** A part that is read at once: the store verifies values in parts of this size. */
const PART_BYTES = 256 * 1024

/** Rejects what is no range. */
export function readGetStreamOptions(options: GetStreamOptions): Range {
  checkKeys('the options of getStream', options, ['start', 'end', 'signal'])
  const last = Number.MAX_SAFE_INTEGER
  const start = integer('start', options.start, 0, last, 0)
  return {
    start,
    end: integer('end', options.end, start, last, last),
    signal: signalOf(options.signal),
  }
}

/**
 * The bytes of a value, or of a range of it, as they were when {@link Database.getStream} was called. They
 * are read as they are consumed, 256 KiB at a time and one such part ahead. While the stream is there, the disk space of
 * its value is not given back: destroy one that is not read to its end.
 */
export class ValueStream extends Readable {
  /** Bytes of the whole value, also when only a range of it is read. */
  readonly size: number
  readonly #lane: Lane
  readonly #number: number
  readonly #signal: AbortSignal | undefined
  readonly #end: number
  #at: number

  private constructor(lane: Lane, number: number, size: number, range: Range) {
    super({ highWaterMark: PART_BYTES })
    this.#lane = lane
    this.#number = number
    this.#signal = range.signal
    this.#end = Math.min(range.end, size)
    this.#at = Math.min(range.start, this.#end)
    this.size = size
    lane.addDependent(this.#dependent)
  }

  /** An error of the stream reaches nobody before somebody has it, and would end the process. */
  #handOver(): this {
    if (this.#signal?.aborted === true) {
      this.destroy()
      throw aborted(this.#signal)
    }
    this.#signal?.addEventListener('abort', this.#abort)
    return this
  }

  /** @internal */
  static begin(lane: Lane, key: Bytes, options: GetStreamOptions): Promise<ValueStream | null> {
    sizeOf(key)
    const range = readGetStreamOptions(options)
    if (range.signal?.aborted === true) throw aborted(range.signal)
    const begun = lane.environment.binding.beginReading(lane.handle, key)
    const reading = lane.settle(begun, {
      convert: (found) => {
        if (found === null) return null
        const [number, size] = found as [number: number, size: number]
        return new ValueStream(lane, number, size, range)
      },
    })
    return reading.then((stream) => (stream === null ? null : stream.#handOver()))
  }

  /** What the store closes. A stream that nobody listens to ends without an error: that would end the process. */
  readonly #dependent = {
    close: (): void => {
      const error = new SkegError('ERR_CLOSED', 'the store was closed while the value was read')
      this.destroy(this.listenerCount('error') > 0 ? error : undefined)
    },
  }

  readonly #abort = (): void => {
    if (this.#signal !== undefined) this.destroy(aborted(this.#signal))
  }

  /** @internal */
  override _read(): void {
    if (this.#at === this.#end) {
      this.push(null)
      return
    }
    // Up to where a part of the value ends: then no part is read twice.
    const bytes = Math.min(PART_BYTES - (this.#at % PART_BYTES), this.#end - this.#at)
    this.#lane.readPart(this.#number, this.#at, bytes).then(
      (part) => {
        if (this.destroyed) return
        this.#at += part.length
        this.push(part)
      },
      (error: unknown) => {
        this.destroy(error as SkegError)
      },
    )
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#lane.removeDependent(this.#dependent)
    this.#lane.environment.binding.endReading(this.#lane.handle, this.#number)
    callback(error)
  }
}
