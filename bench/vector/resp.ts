/** A connection that asks one thing at a time: as little work as can be beside the server's. */
import type { Socket } from 'node:net'
import { connect } from '../lib/servers.ts'

/** Bulk strings and simple strings are bytes; a refusal is a value like others. */
export type Reply = Buffer | number | null | Error | Reply[]

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

interface Waiting {
  resolve: (reply: Reply) => void
  reject: (error: unknown) => void
}

export class Connection {
  readonly #socket: Socket
  readonly #parser = new Parser()
  readonly #waiting: Waiting[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
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

  /** Sends a command that has to succeed. */
  async call(...words: (string | Uint8Array)[]): Promise<Reply> {
    return granted(await this.ask(encode(...words)))
  }

  close(): void {
    this.#waiting.length = 0
    this.#socket.destroy()
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#socket.destroy()
  }
}
