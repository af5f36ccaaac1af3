/** `npm run build`: everything that a checkout needs before it runs. `--release` as published. */
import { parseArgs } from 'node:util'
import { buildJs } from './lib/build-js.ts'
import { buildNative } from './lib/build-native.ts'

const { values } = parseArgs({
  options: {
    release: { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
  },
})
try {
  const built = await buildNative(values.release ? 'release' : 'quick', values.force)
  console.log(built ? 'native/: built' : 'native/: up to date')
  await buildJs()
  console.log('dist/: built')
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
