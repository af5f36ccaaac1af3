// Finds the native addon: the one that a checkout built, or the one of the platform's package.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Addon } from './binding.ts'
import { SkegError } from './errors.ts'
import { platformName, supported } from './platforms.ts'

// The bundle is CommonJS: `__dirname` is its `dist/`.
const packageRoot = path.join(__dirname, '..')
const requireFromHere = createRequire(path.join(packageRoot, 'package.json'))

/** Loads the addon; called when the first store is opened, so that importing never fails. */
export function loadBinding(): Addon {
  return requireFromHere(find('skeg.node')) as Addon
}

/**
 * Where the `skeg` executable of this platform is: what `npx skeg` runs. Throws
 * `ERR_UNSUPPORTED_PLATFORM` when there is none.
 */
export function executablePath(): string {
  return find(process.platform === 'win32' ? 'skeg.exe' : 'skeg')
}

/** The path of a native file: that of the checkout before that of the platform's package. */
function find(file: string): string {
  const local = path.join(packageRoot, 'native', file)
  if (existsSync(local)) return local

  const platform = platformName()
  const name = `@skeg/${platform}`
  let cause: unknown
  if (supported.includes(platform)) {
    try {
      return requireFromHere.resolve(`${name}/${file}`)
    } catch (error) {
      cause = error
    }
  }
  throw new SkegError('ERR_UNSUPPORTED_PLATFORM', explain(platform, name), { cause })
}

function explain(platform: string, name: string): string {
  if (!supported.includes(platform)) {
    return `skeg has no binary for ${platform}; there are binaries for ${supported.join(', ')}`
  }
  return (
    `the native part of skeg, ${name}, is not installed. npm leaves it out when the lockfile was ` +
    'written on another platform, or when optional dependencies are omitted. Remove node_modules ' +
    'and package-lock.json and run `npm install` again, without --omit=optional.'
  )
}
