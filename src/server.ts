// A store that is open in this process, served to Redis clients.

import type { Environment } from './environment.ts'
import { SkegError } from './errors.ts'
import { checkKeys, expected, integer } from './options.ts'

/** Options of {@link Database.listen}. */
export interface ListenOptions {
  /**
   * TCP port; 0 takes any that is free. Without `port`, there has to be a `unixSocket`.
   */
  port?: number
  /**
   * Name or address to listen on. There is no authentication: think twice before you change it.
   * @defaultValue `'127.0.0.1'`
   */
  host?: string
  /** Path of a Unix socket to listen on. */
  unixSocket?: string
  /**
   * Clients at most; one more is told so and closed.
   * @defaultValue 10,000
   */
  maxConnections?: number
}

const KEYS = ['port', 'host', 'unixSocket', 'maxConnections']

interface ListenRequest {
  host: string
  port: number
  unixSocket: string
  maxConnections: number
}

/** Reads the options of `listen`, in the addon's terms. */
export function readListenOptions(options: ListenOptions): ListenRequest {
  checkKeys('the options of listen', options, KEYS)
  const { port, host, unixSocket } = options as Record<string, unknown>
  if (port === undefined && unixSocket === undefined) {
    throw new SkegError('ERR_INVALID_ARGUMENT', 'give a `port`, a `unixSocket`, or both')
  }
  const text = (name: string, value: unknown, standard: string): string => {
    if (value === undefined) return standard
    if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
    throw expected(name, 'a string that is not empty')
  }
  return {
    host: port === undefined ? '' : text('host', host, '127.0.0.1'),
    port: integer('port', port, 0, 65_535, 0),
    unixSocket: text('unixSocket', unixSocket, ''),
    maxConnections: integer('maxConnections', options.maxConnections, 1, 1_000_000, 0),
  }
}

/** What the addon says of a server that listens. */
export type Listening = [server: number, host: string, port: number, socket: string]

/** A server of an open store, made by {@link Database.listen}. It keeps the process alive. */
export class Server implements AsyncDisposable {
  /** The address that it listens on; empty when it listens on a Unix socket only. */
  readonly host: string
  /** The TCP port that it listens on; 0 when it listens on a Unix socket only. */
  readonly port: number
  /** The Unix socket that it listens on; empty when there is none. */
  readonly unixSocket: string
  readonly #environment: Environment
  readonly #number: number
  readonly #onClose: () => void
  #closing: Promise<void> | undefined

  private constructor(environment: Environment, listening: Listening, onClose: () => void) {
    this.#environment = environment
    this.#onClose = onClose
    ;[this.#number, this.host, this.port, this.unixSocket] = listening
    environment.keepAlive()
  }

  /** @internal */
  static create(environment: Environment, listening: Listening, onClose: () => void): Server {
    return new Server(environment, listening, onClose)
  }

  /** Stops serving: what clients have begun is finished, then they are disconnected. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Closes the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const request = this.#environment.binding.stop(this.#number)
    if (request === undefined) throw this.#environment.failure()
    await this.#environment.request(request, () => undefined)
    this.#environment.letGo()
    this.#onClose()
  }
}
