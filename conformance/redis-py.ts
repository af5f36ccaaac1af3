/**
 * redis-py's own tests against a server, over RESP2 and RESP3: fetched as PyPI's source package,
 * never copied into the repository. It is kept in `.cache/` with a Python environment of its own.
 *
 * All tests are run; those that the list names are expected to fail, and a name that no longer
 * stands for a failure is told, so that the list does not outlive its reasons.
 */
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { run } from '../scripts/lib/process.ts'
import { fromRoot } from '../scripts/lib/root.ts'
import type { UnitResult } from './result.ts'
import { startServer } from './server.ts'

const VERSION = '5.2.1'

const TOOLS = ['pytest==9.2.0', 'pytest-asyncio==1.5.0', 'mock==5.2.0', 'packaging==26.4']

const FILES = ['commands', 'pipeline', 'pubsub', 'connection'].flatMap((file) => [
  `tests/test_${file}.py`,
  `tests/test_asyncio/test_${file}.py`,
])

// Clusters, modules and TLS are outside of what is compared.
const MARKERS = 'not onlycluster and not redismod and not ssl'

export const REDIS_PY = 'redis-py'

async function step(folder: string, command: string, ...args: string[]): Promise<void> {
  const result = await run('sh', ['-c', 'cd "$0" && exec "$@"', folder, command, ...args], {
    silent: true,
  })
  if (result.code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.output}`)
}

/** The folder of the unpacked tests and the Python that runs them, fetched when they are not there. */
async function fetched(): Promise<{ folder: string; python: string }> {
  const cache = fromRoot('.cache', REDIS_PY)
  const folder = path.join(cache, `redis-${VERSION}`)
  const python = path.join(cache, 'env', 'bin', 'python')
  mkdirSync(cache, { recursive: true })
  if (!existsSync(python)) await step(cache, 'python3', '-m', 'venv', 'env')
  if (!existsSync(path.join(folder, 'tests'))) {
    console.log(`fetching redis-py ${VERSION} from PyPI`)
    const source = ['download', '-q', '--no-deps', '--no-binary', 'redis', `redis==${VERSION}`]
    await step(cache, python, '-m', 'pip', 'install', '-q', ...TOOLS)
    await step(cache, python, '-m', 'pip', ...source)
    await step(cache, 'tar', '-xf', `redis-${VERSION}.tar.gz`)
  }
  return { folder, python }
}

/** One line of pytest's summary. */
interface Outcome {
  kind: string
  /** As `tests/test_commands.py::TestRedisCommands::test_auth[single]`. */
  test: string
  why: string
}

function outcomes(output: string): Outcome[] {
  return output.split('\n').flatMap((line) => {
    const found = /^(PASSED|FAILED|ERROR) (.+?)(?: - (.*))?$/.exec(line)
    if (found === null) return []
    const [, kind = '', test = '', why = ''] = found
    return [{ kind, test, why }]
  })
}

/** Whether an entry of the list means this test: a pattern, or the name of the function. */
function means(entry: string, test: string): boolean {
  if (entry.startsWith('/')) return new RegExp(entry.slice(1)).test(test)
  return test.split('::').at(-1)?.replace(/\[.*/s, '') === entry
}

async function runProtocol(
  program: string,
  protocol: 2 | 3,
  listed: Record<string, string>,
): Promise<UnitResult> {
  const { folder, python } = await fetched()
  const server = await startServer(program)
  try {
    const result = await run(
      'sh',
      [
        '-c',
        'cd "$0" && exec "$@"',
        folder,
        python,
        ...['-m', 'pytest', '-q', '-rA', '--tb=no', '-p', 'no:cacheprovider'],
        ...['-W', 'ignore', '-o', 'asyncio_mode=auto', '-m', MARKERS],
        `--redis-url=redis://127.0.0.1:${server.port}/0`,
        `--protocol=${protocol}`,
        ...FILES,
      ],
      // pytest cuts its lines at the width of the terminal.
      { silent: true, env: { COLUMNS: '400' } },
    )
    const all = outcomes(result.stdout)
    const failures = all.filter(({ kind }) => kind === 'FAILED' || kind === 'ERROR')
    const entries = Object.keys(listed)
    const known = ({ test }: Outcome): boolean => entries.some((entry) => means(entry, test))
    const unit = `${REDIS_PY} RESP${protocol}`
    for (const entry of entries) {
      if (!failures.some(({ test }) => means(entry, test))) {
        console.error(
          `${unit}: nothing that is named ${entry} fails any more: remove it from the list`,
        )
      }
    }
    const passed = all.filter(({ kind }) => kind === 'PASSED').length
    const skipped = /(\d+) skipped/.exec(result.stdout)?.[1] ?? '0'
    return {
      unit,
      passed,
      failed: failures.filter((it) => !known(it)).map(({ test, why }) => `${test}: ${why}`),
      skipped: failures.filter(known).length + Number(skipped),
      // 1: tests failed. Anything else is no verdict.
      ...(result.code > 1 || passed === 0 ? { broken: result.output.slice(-4_000) } : {}),
    }
  } finally {
    await server.stop()
  }
}

/** Runs redis-py's tests with both protocols. */
export async function runRedisPy(
  program: string,
  listed: Record<string, string>,
): Promise<UnitResult[]> {
  return [await runProtocol(program, 2, listed), await runProtocol(program, 3, listed)]
}
