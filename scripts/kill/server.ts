/** `skeg serve` as a process that can be killed at any moment. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { fromRoot } from '../lib/root.ts'

export type Durability = 'kernel' | 'disk'

export class ServerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  /** The port, once connections are accepted. */
  readonly ready: Promise<number>

  constructor(data: string, durability: Durability) {
    const args = ['serve', '--data', data, '--port', '0', '--durability', durability, '--quiet']
    const child = spawn(fromRoot('native', 'skeg'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#ended = once(child, 'close')
    let output = ''
    this.ready = new Promise((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        output += chunk.toString()
        const port = /^skeg ready on [^ ]*:(\d+)/m.exec(output)?.[1]
        if (port !== undefined) resolve(Number(port))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      const ended = (): void => {
        reject(new Error(`the server ended: ${output.trim() || 'without a word'}`))
      }
      child.on('error', ended)
      void this.#ended.then(ended)
    })
    // Who kills it before it is ready does not want to know.
    this.ready.catch(() => undefined)
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    await this.#ended
    return this.#child.exitCode
  }
}

/** A connection that gives up with its server. */
export function connect(port: number): Redis {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: null, maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  return client
}
