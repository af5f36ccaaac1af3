/** The package as a program meets it: imported, required, and both at once. */
import test from 'ava'
import { createRequire } from 'node:module'
import * as imported from 'skeg'

const require = createRequire(import.meta.url)

test('import and require reach the same classes', (t) => {
  const required = require('skeg') as typeof imported
  t.is(required.SkegError, imported.SkegError)
})

test('the version is that of the package', (t) => {
  t.is(imported.version, (require('skeg/package.json') as { version: string }).version)
})
