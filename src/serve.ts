// A server in a process of its own: the native executable, which needs nothing of Node.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { SkegError } from './errors.ts'
import { executablePath } from './load-binding.ts'
import { serveFlags, type ServeOptions } from './serve-options.ts'

/** What the server prints, for scripts, when clients can connect. */
const READY = /^skeg ready on (.+) version=/m

/** Addresses with ports, then the path of a socket, which may have commas in it. */
const ADDRESSES = /^((?:[^,/]+:\d+(?:,|$))*)(.*)$/

/** Exit code of `skeg` when its flags or settings are wrong. */
const MISUSED = 2

/** A server process, started by {@link serve}. */
export class StandaloneServer implements AsyncDisposable {
  /** The (first) address that it listens on; empty when it listens on a Unix socket only. */
  readonly host: string
  /** The TCP port that it listens on; 0 when it listens on a Unix socket only. */
  readonly port: number
  /** The Unix socket that it listens on; empty when there is none. */
  readonly unixSocket: string
  /** The number of its process. */
  readonly pid: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(
    child: ChildProcess,
    ended: Promise<unknown>,
    address: string,
    unixSocket: string,
  ) {
    const colon = address.lastIndexOf(':')
    // An address of IPv6 stands in brackets before its port.
    this.host = address.slice(0, Math.max(colon, 0)).replace(/^\[(.*)\]$/, '$1')
    this.port = Number(address.slice(colon + 1))
    this.unixSocket = unixSocket
    this.pid = child.pid ?? 0
    this.#child = child
    this.#ended = ended
  }

  /** @internal */
  static create(
    child: ChildProcess,
    ended: Promise<unknown>,
    address: string,
    unixSocket: string,
  ): StandaloneServer {
    return new StandaloneServer(child, ended, address, unixSocket)
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
  const child = spawn(executablePath(), ['serve', ...serveFlags(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  let output = ''
  const addresses = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      if (options.verbose === true) process.stderr.write(chunk)
      if (READY.test(output)) return
      output += chunk.toString()
      const ready = READY.exec(output)?.[1]
      if (ready !== undefined) resolve(ready)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    ended.then(
      () => {
        const code = child.exitCode === MISUSED ? 'ERR_INVALID_ARGUMENT' : 'ERR_IO'
        reject(new SkegError(code, `the server did not start: ${output.trim()}`))
      },
      (cause: unknown) => {
        reject(new SkegError('ERR_IO', 'the server did not start', { cause }))
      },
    )
  })
  const [, tcp = '', socket = ''] = ADDRESSES.exec(addresses) ?? []
  return StandaloneServer.create(child, ended, tcp.split(',')[0] ?? '', socket)
}
