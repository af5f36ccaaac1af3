/** Starts the server that a unit is run against: skeg's by default, any RESP server on request. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createConnection, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Server {
  port: number
  /** What it wrote to standard error and output. */
  log: () => string
  stop: () => Promise<void>
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function answers(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function start(program: string, port: number, data: string): ChildProcess {
  const args = /redis-server|valkey-server/.test(program)
    ? [
        '--port',
        `${port}`,
        '--dir',
        data,
        '--save',
        '',
        '--appendonly',
        'yes',
        '--enable-debug-command',
        'yes',
      ]
    : ['serve', '--port', `${port}`, '--data', data, '--enable-debug-command']
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Starts `program` with an empty data directory and waits until it takes connections. */
export async function startServer(program: string): Promise<Server> {
  const data = mkdtempSync(path.join(tmpdir(), 'skeg-conformance-'))
  const port = await freePort()
  const child = start(program, port, data)
  const written: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => written.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => written.push(chunk))
  const ended = once(child, 'exit')
  const log = (): string => Buffer.concat(written).toString()
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(killer)
    }
    if (existsSync(data)) rmSync(data, { recursive: true, force: true })
  }
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) break
    if (await answers(port)) return { port, log, stop }
    await sleep(50)
  }
  await stop()
  throw new Error(`${program} did not start:\n${log()}`)
}
