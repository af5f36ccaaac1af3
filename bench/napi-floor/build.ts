/** Compiles the floor addon with the system's C++ compiler: the headers come from npm, no node-gyp. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { run } from '../../scripts/lib/process.ts'
import { fromRoot } from '../../scripts/lib/root.ts'

export interface Floor {
  nothing: () => undefined
  echo: (key: string) => string
  pick: (key: string) => string
}

/** Loads the addon, compiled before if it is missing or older than its source. */
export async function floor(): Promise<Floor> {
  const source = fromRoot('bench', 'napi-floor', 'floor.cc')
  const built = fromRoot('.cache', 'napi-floor', 'floor.node')
  if (!existsSync(built) || statSync(built).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(path.dirname(built), { recursive: true })
    const packages = fromRoot('bench', 'node_modules')
    const flags = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
    const result = await run('c++', [
      '-std=c++17',
      '-O3',
      '-shared',
      '-fPIC',
      ...flags,
      '-DNAPI_VERSION=8',
      '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
      '-isystem',
      path.join(packages, 'node-api-headers', 'include'),
      '-isystem',
      path.join(packages, 'node-addon-api'),
      '-o',
      built,
      source,
    ])
    if (result.code !== 0) throw new Error('the floor addon could not be compiled')
  }
  return createRequire(import.meta.url)(built) as Floor
}
