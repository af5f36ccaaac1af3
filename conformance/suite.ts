/**
 * Redis 7.0.15's own test suite: fetched as Debian's source package, never copied into the
 * repository. It is kept in `.cache/`; `REDIS_SUITE=DIR` takes a copy that is there already.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { run } from '../scripts/lib/process.ts'
import { fromRoot } from '../scripts/lib/root.ts'

const VERSION = '7.0.15'

/** The folder of the unpacked suite, fetched when it is not there. */
export async function suite(): Promise<string> {
  const given = process.env['REDIS_SUITE']
  if (given !== undefined) return given
  const cache = fromRoot('.cache', 'redis')
  const unpacked = path.join(cache, `redis-${VERSION}`)
  if (existsSync(path.join(unpacked, 'tests', 'test_helper.tcl'))) return unpacked
  mkdirSync(cache, { recursive: true })
  console.log(`fetching the source package redis ${VERSION} from Debian`)
  const lists = mkdtempSync(path.join(tmpdir(), 'skeg-sources-'))
  try {
    const options = sourceOptions(lists)
    const steps = [
      ['apt-get', ...options, 'update', '-qq'],
      ['apt-get', ...options, 'source', '-qq', '--download-only', `redis/${release()}`],
    ]
    for (const [command = '', ...args] of steps) {
      const result = await run('sh', ['-c', 'cd "$0" && exec "$@"', cache, command, ...args], {
        silent: true,
      })
      if (result.code !== 0) throw new Error(`${command} failed:\n${result.output}`)
    }
  } finally {
    rmSync(lists, { recursive: true, force: true })
  }
  const archive = readdirSync(cache).find((file) => file.startsWith(`redis_${VERSION}.orig.tar`))
  if (archive === undefined) {
    throw new Error(`Debian's source package is not of redis ${VERSION}; set REDIS_SUITE=DIR`)
  }
  const unpack = await run('tar', ['-xf', path.join(cache, archive), '-C', cache], { silent: true })
  if (unpack.code !== 0) throw new Error(`tar failed:\n${unpack.output}`)
  return unpacked
}

function release(): string {
  const text = readFileSync('/etc/os-release', 'utf8')
  return /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] ?? 'stable'
}

/** Options that let apt read source packages without a change to the system's own lists. */
function sourceOptions(folder: string): string[] {
  const parts = path.join(folder, 'parts')
  mkdirSync(parts)
  mkdirSync(path.join(folder, 'lists', 'partial'), { recursive: true })
  const system = '/etc/apt/sources.list.d/debian.sources'
  if (!existsSync(system)) throw new Error(`${system} is missing; set REDIS_SUITE=DIR`)
  const sources = readFileSync(system, 'utf8').replaceAll(/^Types: .*$/gm, 'Types: deb-src')
  writeFileSync(path.join(parts, 'source.sources'), sources)
  return [
    '-o',
    'Dir::Etc::SourceList=/dev/null',
    '-o',
    `Dir::Etc::SourceParts=${parts}`,
    '-o',
    `Dir::State::Lists=${path.join(folder, 'lists')}`,
    '-o',
    'APT::Sandbox::User=root',
  ]
}
