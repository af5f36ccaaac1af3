/**
 * What the READMEs of Node's Redis clients and of libraries above them show, against a server:
 * `clients/cases.mjs`, with dependencies of its own, installed when they are not there.
 *
 * Left out: rate-limiter-flexible, whose Redis limiters are Lua scripts (skeg has no EVAL).
 */
import { existsSync } from 'node:fs'
import { run } from '../scripts/lib/process.ts'
import { fromRoot } from '../scripts/lib/root.ts'
import type { UnitResult } from './result.ts'
import { startServer } from './server.ts'

export const CLIENTS = 'clients'

/** Runs every case, in a process that has nothing else to do. */
export async function runClients(program: string): Promise<UnitResult> {
  const folder = fromRoot('conformance', 'clients')
  if (!existsSync(fromRoot('conformance', 'clients', 'node_modules'))) {
    // Versions are exact in package.json.
    const install = await run('npm', ['install', '--no-package-lock', '--prefix', folder], {
      silent: true,
    })
    if (install.code !== 0)
      throw new Error(`the clients could not be installed:\n${install.output}`)
  }
  const server = await startServer(program)
  try {
    const script = fromRoot('conformance', 'clients', 'cases.mjs')
    const url = `redis://127.0.0.1:${server.port}`
    const result = await run(process.execPath, [script, url], { silent: true })
    const lines = result.stdout.split('\n')
    const after = (word: string): string[] =>
      lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1))
    return {
      unit: CLIENTS,
      passed: after('ok').length,
      failed: after('failed'),
      skipped: 0,
      ...(result.code === 0 ? {} : { broken: result.output }),
    }
  } finally {
    await server.stop()
  }
}
