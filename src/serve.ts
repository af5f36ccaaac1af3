// A server in a process of its own: the native executable, which needs nothing of Node.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { SkegError } from './errors.ts'
import { executablePath } from './load-binding.ts'
import { boolean, checkKeys, expected, integer } from './options.ts'

/** Options of {@link serve}. */
export interface ServeOptions {
  /** The data directory; without, the store is in memory only. */
  data?: string
  /**
   * TCP port; 0 takes any that is free.
   * @defaultValue 6379
   */
  port?: number
  /**
   * Address to listen on.
   * @defaultValue `'127.0.0.1'`
   */
  host?: string
  /**
   * Print what the server prints.
   * @defaultValue `false`
   */
  verbose?: boolean
}

const KEYS = ['data', 'port', 'host', 'verbose']

/** What the server prints, for scripts, when clients can connect. */
const READY = /^skeg ready on (\S+)/m

/** A server process, started by {@link serve}. */
export class StandaloneServer implements AsyncDisposable {
  /** The address that it listens on. */
  readonly host: string
  /** The TCP port that it listens on. */
  readonly port: number
  /** The number of its process. */
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(child: ChildProcess, ended: Promise<unknown>, address: string) {
    const colon = address.lastIndexOf(':')
    this.host = address.slice(0, colon)
    this.port = Number(address.slice(colon + 1))
    this.pid = child.pid ?? 0
    this.#child = child
    this.#ended = ended
  }

  /** @internal */
  static create(child: ChildProcess, ended: Promise<unknown>, address: string): StandaloneServer {
    return new StandaloneServer(child, ended, address)
  }

  /** Ends the server: what clients have begun is finished and written. */
  async close(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }

  /** Ends the server at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Starts the native server in a process of its own and waits until clients can connect.
 *
 * @example
 * ```ts
 * const server = await serve({ data: './data', port: 6379 })
 * // ... until it is closed, it goes on, also when this program ends
 * await server.close()
 * ```
 */
export async function serve(options: ServeOptions = {}): Promise<StandaloneServer> {
  const child = spawn(executablePath(), ['serve', ...readArguments(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let output = ''
  const address = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      if (options.verbose === true) process.stderr.write(chunk)
      if (READY.test(output)) return
      output += chunk.toString()
      const ready = READY.exec(output)?.[1]
      if (ready !== undefined) resolve(ready.split(',')[0] ?? ready)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    ended.then(
      () => {
        reject(new SkegError('ERR_IO', `the server did not start: ${output.trim()}`))
      },
      (cause: unknown) => {
        reject(new SkegError('ERR_IO', 'the server did not start', { cause }))
      },
    )
  })
  return StandaloneServer.create(child, ended, address)
}

function readArguments(options: ServeOptions): string[] {
  checkKeys('the options of serve', options, KEYS)
  boolean('verbose', options.verbose, false)
  const port = integer('port', options.port, 0, 65_535, 6_379)
  const { data, host } = options as { data?: unknown; host?: unknown }
  const words = ['--port', String(port)]
  if (host !== undefined) words.push('--host', text('host', host))
  if (data === undefined) words.push('--no-persistence')
  else words.push('--data', text('data', data))
  return words
}

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw expected(name, 'a string that is not empty')
}
