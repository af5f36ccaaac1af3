/** A connection that asks one thing at a time: as little work as can be beside the server's. */
import type { Socket } from 'node:net'
import { connect } from '../lib/servers.ts'

/** Bulk strings and simple strings are bytes; a refusal is a value like others. */
export type Reply = Buffer | number | null | Error | Reply[]

/** What a refusal begins with. */
const REFUSAL = 0x2d

/** Words as a command of RESP. */
export function encode(...words: (string | Uint8Array)[]): Buffer {
  const parts = [Buffer.from(`*${words.length}\r\n`)]
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word
    parts.push(Buffer.from(`$${bytes.length}\r\n`), Buffer.from(bytes), Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

/** The reply, unless it is a refusal. */
export function granted(reply: Reply): Reply {
  if (reply instanceof Error) throw reply
  return reply
}

/** Reads replies off the front of what has come. */
class Parser {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
  }

  /** The next reply, when all of it is there. */
  next(): Reply | undefined {
    this.#at = 0
    const reply = this.#read()
    if (reply !== undefined) this.#bytes = this.#bytes.subarray(this.#at)
    return reply
  }

  #read(): Reply | undefined {
    const end = this.#bytes.indexOf(13, this.#at)
    if (end < 0 || end + 1 >= this.#bytes.length) return undefined
    const [kind, line] = [this.#bytes[this.#at], this.#bytes.subarray(this.#at + 1, end)]
    this.#at = end + 2
    switch (String.fromCharCode(kind ?? 0)) {
      case '+':
        return line
      case '-':
        return new Error(line.toString())
      case ':':
        return Number(line.toString('latin1'))
      case '$': {
        const length = Number(line.toString('latin1'))
        if (length < 0) return null
        const start = this.#at
        if (start + length + 2 > this.#bytes.length) return undefined
        this.#at = start + length + 2
        return this.#bytes.subarray(start, start + length)
      }
      default: {
        const replies: Reply[] = []
        for (let left = Number(line.toString('latin1')); left > 0; left--) {
          const reply = this.#read()
          if (reply === undefined) return undefined
          replies.push(reply)
        }
        return replies
      }
    }
  }
}

interface Waiting<T> {
  resolve: (reply: T) => void
  reject: (error: unknown) => void
}

export class Connection {
  readonly #socket: Socket
  readonly #parser = new Parser()
  readonly #waiting: Waiting<Reply>[] = []
  /** Who waits for a reply that is counted, and bytes of it that have not come. */
  #counted: (Waiting<void> & { bytes: number; left: number }) | undefined
  /** Bytes of all replies that were read. */
  received = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      if (this.#counted) {
        this.#count(chunk)
        return
      }
      this.received += chunk.length
      this.#parser.push(chunk)
      for (let reply = this.#parser.next(); reply !== undefined; reply = this.#parser.next()) {
        this.#waiting.shift()?.resolve(reply)
      }
    })
    socket.on('error', (error) => {
      this.#fail(error)
    })
    socket.on('close', () => {
      this.#fail(new Error('the server has closed the connection'))
    })
  }

  static async open(port: number): Promise<Connection> {
    return new Connection(await connect(port))
  }

  /** Sends an encoded command; replies come in the order of commands. */
  ask(command: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#socket.write(command)
    })
  }

  /**
   * Sends a command whose reply is known to have so many bytes, and waits for them without reading
   * them: where clients share the server's processors, what they do is taken from what is measured.
   */
  exchange(command: Buffer, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#counted = { resolve, reject, bytes, left: bytes }
      this.#socket.write(command)
    })
  }

  /** Sends a command that has to succeed. */
  async call(...words: (string | Uint8Array)[]): Promise<Reply> {
    return granted(await this.ask(encode(...words)))
  }

  close(): void {
    this.#waiting.length = 0
    this.#socket.destroy()
  }

  #count(chunk: Buffer): void {
    const counted = this.#counted
    if (!counted) return
    const isRefusal = counted.left === counted.bytes && chunk[0] === REFUSAL
    counted.left -= chunk.length
    if (isRefusal || counted.left < 0) {
      this.#fail(new Error(`another reply than before: ${chunk.toString('latin1', 0, 100)}`))
    } else if (counted.left === 0) {
      this.#counted = undefined
      counted.resolve()
    }
  }

  #fail(error: unknown): void {
    this.#counted?.reject(error)
    this.#counted = undefined
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#socket.destroy()
  }
}
