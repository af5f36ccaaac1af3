/**
 * Builds what Rust contributes to the package: the addon and the `skeg` executable, into `native/`.
 * Both are left alone when their sources, Cargo.lock, the toolchain and the profile are those of the
 * last build: compared by content, so that neither a new clone nor a touched file misleads it.
 */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { filesBelow } from './files.ts'
import { run } from './process.ts'
import { fromRoot } from './root.ts'

/** `release` is what gets published; `quick` runs a little slower and compiles much faster. */
export type Profile = 'quick' | 'release'

interface Stamp {
  fingerprint: string
  profile: Profile
}

/** The part of cargo's JSON messages that says where an artefact went. */
interface CargoMessage {
  reason: string
  target?: { name: string; kind: string[] }
  filenames?: string[]
  executable?: string | null
}

const outputs = fromRoot('native')
const stampFile = path.join(outputs, 'build.json')
const addon = path.join(outputs, 'skeg.node')
const executable = path.join(outputs, process.platform === 'win32' ? 'skeg.exe' : 'skeg')
const expected = [addon, executable]

/** A hash over everything that can change the result of the build. */
async function fingerprint(profile: Profile): Promise<string> {
  const { stdout } = await run('rustc', ['-vV'], { silent: true })
  const hash = createHash('sha256').update(
    `${profile}\n${stdout}\n${process.env['RUSTFLAGS'] ?? ''}`,
  )
  const inputs = filesBelow('crates').filter((file) =>
    /^crates\/[^/]+\/(src\/|build\.rs$|Cargo\.toml$)/.test(file),
  )
  for (const file of ['Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml', ...inputs]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(fromRoot(file)))
      .update('\0')
  }
  return hash.digest('hex')
}

function lastBuild(): Stamp | undefined {
  if (![stampFile, ...expected].every((file) => existsSync(file))) return undefined
  return JSON.parse(readFileSync(stampFile, 'utf8')) as Stamp
}

/** Puts a file in place in one step: a process that has the old one mapped keeps it. */
function install(from: string, to: string): void {
  const temporary = `${to}.${process.pid}`
  copyFileSync(from, temporary)
  renameSync(temporary, to)
}

/**
 * Makes sure that `native/` holds the addon and the executable of the present sources.
 * A published build serves where a quick one would do. Returns whether something was built;
 * throws when cargo fails.
 */
export async function buildNative(profile: Profile, force = false): Promise<boolean> {
  const last = lastBuild()
  if (!force && last && (last.profile === profile || last.profile === 'release')) {
    if (last.fingerprint === (await fingerprint(last.profile))) return false
  }
  const wanted = await fingerprint(profile)
  const args = [
    'build',
    '--locked',
    '--profile',
    profile,
    '--message-format=json-render-diagnostics',
  ]
  const built = await run(
    'cargo',
    [...args, '-p', 'skeg-node', '-p', 'skeg-server', '--lib', '--bins'],
    {
      quietStdout: true,
    },
  )
  if (built.code === 127)
    throw new Error('cargo was not found: install Rust from https://rustup.rs')
  if (built.code !== 0) throw new Error('cargo build failed')

  mkdirSync(outputs, { recursive: true })
  for (const line of built.stdout.split('\n')) {
    if (!line.startsWith('{')) continue
    const message = JSON.parse(line) as CargoMessage
    if (message.reason !== 'compiler-artifact' || !message.target) continue
    const { name, kind } = message.target
    if (name === 'skeg_node' && kind.includes('cdylib')) {
      const library = message.filenames?.find((file) => /\.(so|dylib|dll)$/.test(file))
      if (library !== undefined) install(library, addon)
    }
    if (name === 'skeg' && kind.includes('bin') && message.executable != null) {
      install(message.executable, executable)
    }
  }
  for (const file of expected) {
    if (!existsSync(file)) throw new Error(`cargo built no ${path.basename(file)}`)
  }
  writeFileSync(stampFile, `${JSON.stringify({ fingerprint: wanted, profile } satisfies Stamp)}\n`)
  return true
}
