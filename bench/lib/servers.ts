/** Starts the servers that are compared, each on a free port of the loopback interface. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromRoot } from '../../scripts/lib/root.ts'

/** What is kept of writes, with the words of each server for it. */
export type Persistence = 'none' | 'everysec' | 'always'

export interface Server {
  name: string
  port: number
  pid: number
  stop: () => Promise<void>
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

export async function connect(port: number): Promise<Socket> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

async function start(
  name: string,
  program: string,
  args: (port: number, data: string) => string[],
  given?: string,
): Promise<Server> {
  const data = given ?? mkdtempSync(path.join(tmpdir(), `skeg-bench-${name}-`))
  const port = await freePort()
  const child = spawn(program, args(port, data), { stdio: ['ignore', 'ignore', 'pipe'] })
  const complaints: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk))
  const ended = once(child, 'exit')
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await ended
    if (given === undefined) rmSync(data, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 200 && child.exitCode === null; tries++) {
    try {
      const socket = await connect(port)
      socket.destroy()
      return { name, port, pid: child.pid ?? 0, stop }
    } catch {
      await sleep(25)
    }
  }
  await stop()
  throw new Error(`${program} did not start: ${Buffer.concat(complaints).toString()}`)
}

/** Starts skeg, on a folder that stays when it is given. */
export function startSkeg(persistence: Persistence, folder?: string): Promise<Server> {
  const args = (port: number, data: string): string[] => [
    'serve',
    '--quiet',
    '--port',
    `${port}`,
    ...(persistence === 'none'
      ? ['--no-persistence']
      : ['--data', data, '--appendfsync', persistence]),
  ]
  return start('skeg', fromRoot('native', 'skeg'), args, folder)
}

export function startRedis(persistence: Persistence): Promise<Server> {
  return start('redis', 'redis-server', (port, data) => [
    '--port',
    `${port}`,
    '--dir',
    data,
    '--save',
    '',
    ...(persistence === 'none'
      ? ['--appendonly', 'no']
      : ['--appendonly', 'yes', '--appendfsync', persistence]),
  ])
}

/** The key of number `n`: 16 bytes, as redis-benchmark forms them. */
export function key(n: number): string {
  return `key:${String(n).padStart(12, '0')}`
}

/** Sends commands, some thousand at a time, and waits for their replies, each of them one line. */
export async function sendAll(server: Server, commands: Iterable<string[]>): Promise<void> {
  const socket = await connect(server.port)
  let [sent, answered] = [0, 0]
  socket.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 0x0a) answered++
  })
  const batch = 1_000
  let text = ''
  for (const words of commands) {
    const bulks = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    text += `*${words.length}\r\n${bulks.join('')}`
    if (++sent % batch > 0) continue
    socket.write(text)
    text = ''
    while (answered < sent - 20 * batch) await sleep(1)
  }
  socket.write(text)
  while (answered < sent) await sleep(1)
  socket.destroy()
}

/** Stores `count` keys with values of `valueBytes` bytes. */
export async function fill(server: Server, count: number, valueBytes: number): Promise<void> {
  const value = 'x'.repeat(valueBytes)
  const commands = function* (): Iterable<string[]> {
    for (let n = 0; n < count; n++) yield ['SET', key(n), value]
  }
  await sendAll(server, commands())
}
