// Values written in pieces, so that nobody has to hold one whole.

import { Readable } from 'node:stream'
import { copyBytes, type Bytes } from './bytes.ts'
import { SkegError } from './errors.ts'
import { aborted, type Lane } from './lane.ts'
import { checkKeys, expected, signalOf } from './options.ts'
import { readSetOptions, SET_KEYS, type SetOptions, type SetRequest } from './set-options.ts'

/** Options of {@link Database.setStream}: those of {@link Database.set}, but for `GET`, and a signal. */
export interface SetStreamOptions extends Omit<SetOptions, 'GET'> {
  /** Gives the value up with `ERR_ABORTED`; once all of it is on the disk, it is set all the same. */
  signal?: AbortSignal
}

/** Pieces of a value, one after the other: a `Readable`, an async generator, an array. */
export type ValueSource = AsyncIterable<Bytes> | Iterable<Bytes>

/** Bytes that go to the store together. A value that has less is set like any other. */
const PART_BYTES = 1024 * 1024

/** What stores a value that is short, or that has no disk to be written to. */
type Store = (value: Buffer, request: SetRequest) => Promise<boolean>

/** Takes the value from its source and stores it. */
export async function writeStream(
  lane: Lane,
  key: Bytes,
  source: ValueSource,
  options: SetStreamOptions,
  store: Store,
): Promise<boolean> {
  checkKeys('the options of setStream', options, [...SET_KEYS, 'signal'])
  const { signal: given, ...others } = options
  const request = readSetOptions(others, lane.options.level)
  if (request.returnsOld) throw expected('GET', 'left out: it is no option of setStream')
  const signal = signalOf(given)
  if (signal?.aborted === true) throw aborted(signal)
  const value = new Parts(lane, key)
  const pieces = iteratorOf(source)
  const interrupt = new Interrupt(lane, signal)
  try {
    for (;;) {
      // A source that is slow does not keep an abort waiting.
      const piece = await interrupt.orElse(() => pieces.next())
      if (piece.done === true) break
      await value.add(piece.value)
    }
    const whole = value.whole()
    if (whole !== undefined) return await store(whole, request)
    await value.end()
    interrupt.check()
    return await value.give(request)
  } catch (error) {
    // A stream that is waited for hears of it only so; whatever others say to it is not waited for.
    if (source instanceof Readable) source.destroy()
    else Promise.resolve(pieces.return?.()).catch(() => undefined)
    throw error
  } finally {
    interrupt.end()
    value.giveUp()
  }
}

/** What gives the pieces of a source. */
function iteratorOf(source: ValueSource): AsyncIterator<Bytes> | Iterator<Bytes> {
  const isPiece = typeof source === 'string' || (source as unknown) instanceof Uint8Array
  if (!isPiece && typeof source === 'object' && (source as unknown) !== null) {
    if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]()
    if (Symbol.iterator in source) return source[Symbol.iterator]()
  }
  throw expected('source', 'an iterable or a stream of strings or bytes')
}

/** What ends a writing from without: its signal, and the end of the store. */
class Interrupt {
  /** Ends the wait of the moment. */
  #reject: (error: SkegError) => void = () => undefined
  #error: SkegError | undefined
  readonly #lane: Lane
  readonly #signal: AbortSignal | undefined

  constructor(lane: Lane, signal: AbortSignal | undefined) {
    this.#lane = lane
    this.#signal = signal
    lane.addDependent(this.#dependent)
    signal?.addEventListener('abort', this.#abort)
  }

  /** Throws if it has come. */
  check(): void {
    if (this.#error !== undefined) throw this.#error
  }

  /** What a step comes to, unless the end comes before. A promise for the end would hold on to all that was raced with it. */
  orElse<T>(step: () => T | Promise<T>): Promise<T> {
    this.check()
    return new Promise((resolve, reject) => {
      this.#reject = reject
      Promise.resolve(step()).then(resolve, reject)
    })
  }

  end(): void {
    this.#lane.removeDependent(this.#dependent)
    this.#signal?.removeEventListener('abort', this.#abort)
  }

  #come(error: SkegError): void {
    this.#error ??= error
    this.#reject(this.#error)
  }

  readonly #dependent = {
    close: (): void => {
      this.#come(new SkegError('ERR_CLOSED', 'the store was closed while the value was written'))
    },
  }

  readonly #abort = (): void => {
    if (this.#signal !== undefined) this.#come(aborted(this.#signal))
  }
}

/** The parts of a value on their way to the store: one is gathered while the one before is written. */
class Parts {
  readonly #lane: Lane
  readonly #key: Bytes
  readonly #gathered = Buffer.allocUnsafeSlow(PART_BYTES)
  #bytes = 0
  /** Whole parts, where the store has no disk. */
  readonly #held: Buffer[] = []
  /** The number of the writing; `null`: there is no disk. */
  #writing: number | null | undefined
  #written: Promise<unknown> = Promise.resolve()

  constructor(lane: Lane, key: Bytes) {
    this.#lane = lane
    // A later change of a key that was given as bytes changes nothing.
    this.#key = copyBytes(key)
  }

  /** Takes a piece, and waits while the store is behind. */
  async add(piece: unknown): Promise<void> {
    const bytes = bytesOf(piece)
    for (let at = 0; at < bytes.length;) {
      if (this.#bytes === PART_BYTES) await this.#send()
      const taken = bytes.subarray(at, at + PART_BYTES - this.#bytes)
      this.#gathered.set(taken, this.#bytes)
      this.#bytes += taken.length
      at += taken.length
    }
  }

  /** The value, if it is no longer than one part, or has to be in memory. */
  whole(): Buffer | undefined {
    const last = this.#gathered.subarray(0, this.#bytes)
    if (this.#writing === undefined) return last
    return this.#writing === null ? Buffer.concat([...this.#held, last]) : undefined
  }

  /** Writes the last part, and waits until all of it is on the disk. */
  async end(): Promise<void> {
    await this.#send()
    await this.#written
    await this.#lane.endWriting(this.#number())
  }

  /** Gives the value to its key. */
  give(request: SetRequest): Promise<boolean> {
    const writing = this.#number()
    this.#writing = undefined
    const { deadline, ms, level, ifAbsent } = request
    const condition = ifAbsent ? 1 : request.ifPresent ? 2 : 0
    const { environment, handle } = this.#lane
    const given = environment.binding.setWritten(
      handle,
      writing,
      this.#key,
      deadline,
      ms,
      condition,
    )
    return this.#lane.settle<boolean>(given, { level })
  }

  /** What was not given to the key leaves nothing. */
  giveUp(): void {
    const writing = this.#writing
    this.#written.catch(() => undefined)
    if (typeof writing !== 'number') return
    this.#writing = undefined
    // A store that was closed has given it up.
    this.#lane.environment.binding.giveUpWriting(this.#lane.handle, writing)
  }

  async #send(): Promise<void> {
    this.#writing ??= this.#lane.beginWriting(this.#key)
    const part = this.#gathered.subarray(0, this.#bytes)
    this.#bytes = 0
    if (this.#writing === null) {
      this.#held.push(Buffer.from(part))
      return
    }
    // The store copies it before this returns.
    await this.#written
    this.#written = this.#lane.writePart(this.#number(), part)
    // Who waits for it is told.
    this.#written.catch(() => undefined)
  }

  #number(): number {
    if (typeof this.#writing === 'number') return this.#writing
    throw new SkegError('ERR_CLOSED', 'the value is not written any more')
  }
}

/** The bytes of a piece. */
function bytesOf(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  if (typeof piece !== 'string') throw expected('a piece of the source', 'a string or bytes')
  const bytes = Buffer.from(piece)
  // The replacement of half a pair of surrogates, unless it was there before.
  if (bytes.includes(REPLACEMENT) && !isWellFormed(piece)) {
    const message = 'a string with a lone surrogate has no UTF-8 form: give bytes instead'
    throw new SkegError('ERR_ENCODING', message)
  }
  return bytes
}

const REPLACEMENT = Buffer.from('\u{fffd}')

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
