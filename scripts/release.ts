/**
 * `npm run release`: packs what gets published, for the platform it runs on, into `npm/packed/`:
 * the package itself, and the package with the platform's addon and executable. Then it installs
 * both into an empty project and opens a store there. Publishing them is done by hand.
 */
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { platformName, supported } from '../src/platforms.ts'
import { buildJs } from './lib/build-js.ts'
import { buildNative } from './lib/build-native.ts'
import { run } from './lib/process.ts'
import { fromRoot } from './lib/root.ts'

interface Manifest {
  version: string
  license: string
  engines: Record<string, string>
  files: string[]
  [key: string]: unknown
}

const packed = fromRoot('npm', 'packed')
const platform = platformName()
const manifest = JSON.parse(readFileSync(fromRoot('package.json'), 'utf8')) as Manifest

async function npm(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, output } = await run('npm', ['--prefix', folder, ...args], { silent: true })
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${output}`)
  return stdout
}

/** Writes a package to a folder of its own and packs it; returns the tarball's path. */
async function pack(folder: string, contents: object): Promise<string> {
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(contents, null, 2)}\n`)
  const stdout = await npm(folder, 'pack', folder, '--json', `--pack-destination=${packed}`)
  const [{ filename } = { filename: '' }] = JSON.parse(stdout) as { filename: string }[]
  return path.join(packed, filename)
}

async function packPlatform(folder: string): Promise<string> {
  const [os = '', cpu = '', libc] = platform.split('-')
  mkdirSync(folder)
  for (const file of ['native/skeg.node', 'native/skeg', 'LICENSE-MIT', 'LICENSE-APACHE']) {
    copyFileSync(fromRoot(file), path.join(folder, path.basename(file)))
  }
  const { version, license, engines } = manifest
  const only = { os: [os], cpu: [cpu], ...(libc === 'gnu' ? { libc: ['glibc'] } : {}) }
  const files = ['skeg.node', 'skeg', 'LICENSE-MIT', 'LICENSE-APACHE']
  const description = `The native part of skeg for ${platform}`
  return pack(folder, {
    name: `@skeg/${platform}`,
    version,
    description,
    license,
    engines,
    files,
    ...only,
  })
}

async function packPackage(folder: string): Promise<string> {
  mkdirSync(folder)
  for (const file of [...manifest.files, 'README.md']) {
    cpSync(fromRoot(file), path.join(folder, file), { recursive: true })
  }
  // What only a checkout needs is left out.
  const published = Object.fromEntries(
    Object.entries(manifest).filter(
      ([key]) => !['scripts', 'devDependencies', 'allowScripts'].includes(key),
    ),
  )
  const platforms = supported.map((name) => [`@skeg/${name}`, manifest.version])
  const optionalDependencies: unknown = Object.fromEntries(platforms)
  return pack(folder, { ...published, optionalDependencies })
}

/** Installs the tarballs as a user would, and uses them. */
async function tryOut(folder: string, tarballs: string[]): Promise<void> {
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n')
  await npm(
    folder,
    'install',
    '--no-audit',
    '--no-fund',
    '--offline',
    '--omit=optional',
    ...tarballs,
  )
  const program = path.join(folder, 'try.mjs')
  writeFileSync(
    program,
    `import { open } from 'skeg'
const db = await open(${JSON.stringify(path.join(folder, 'data'))})
await db.set('key', 'value', { durability: 'disk' })
if (await db.get('key') !== 'value') throw new Error('the value is not there')
await db.close()\n`,
  )
  const opened = await run(process.execPath, [program], { silent: true })
  if (opened.code !== 0) throw new Error(`the installed package does not work:\n${opened.output}`)
  const cli = path.join(folder, 'node_modules', '.bin', 'skeg')
  const asked = await run(cli, ['--version'], { silent: true })
  if (asked.code !== 0) throw new Error(`the installed executable does not work:\n${asked.output}`)
}

const work = mkdtempSync(path.join(tmpdir(), 'skeg-release-'))
try {
  if (!supported.includes(platform)) throw new Error(`no package is published for ${platform}`)
  await buildNative('release')
  await buildJs()
  rmSync(packed, { recursive: true, force: true })
  mkdirSync(packed, { recursive: true })
  const tarballs = [
    await packPlatform(path.join(work, 'platform')),
    await packPackage(path.join(work, 'package')),
  ]
  await tryOut(path.join(work, 'project'), tarballs)
  for (const tarball of tarballs) console.log(path.relative(fromRoot(), tarball))
  console.log('release: 1 passed, 0 failed')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.log('release: 0 passed, 1 failed')
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
