/**
 * The direction of dependencies between crates, and where `unsafe` may live: the table of
 * ARCHITECTURE.md, made to hold.
 */
import type { Problem, Rule } from './problem.ts'
import { linesWhere } from './problem.ts'

interface Crate {
  /** Crates of this workspace that its code may use. */
  uses: string[]
  /** Files below `src/` that may contain `unsafe`. */
  unsafeIn?: RegExp
}

const crates: Record<string, Crate> = {
  'skeg-io': { uses: [], unsafeIn: /^(real\/|sync\/)/ },
  'skeg-simd': { uses: [], unsafeIn: /./ },
  'skeg-proto': { uses: [] },
  'skeg-rdb': { uses: [] },
  'skeg-vecs': { uses: ['skeg-simd'] },
  'skeg-log': { uses: ['skeg-io', 'skeg-simd'] },
  'skeg-vector': { uses: ['skeg-simd'] },
  'skeg-keyspace': { uses: [] },
  'skeg-engine': { uses: ['skeg-io', 'skeg-simd', 'skeg-log', 'skeg-keyspace', 'skeg-vector'] },
  'skeg-commands': { uses: ['skeg-io', 'skeg-log', 'skeg-engine', 'skeg-proto', 'skeg-vector'] },
  'skeg-server': {
    uses: ['skeg-io', 'skeg-engine', 'skeg-proto', 'skeg-rdb', 'skeg-vecs', 'skeg-commands'],
  },
  'skeg-node': {
    uses: ['skeg-io', 'skeg-engine', 'skeg-proto', 'skeg-commands', 'skeg-vector', 'skeg-server'],
    unsafeIn: /^raw\.rs$/,
  },
}

/** Crates that only tests use: they may use any other, and nothing may use them. */
const outside = new Set(['skeg-sim'])

/** Names in `[dependencies]`, without those that only tests and builds need. */
function dependencies(manifest: string): string[] {
  const section = /^\[dependencies\]\n(.*?)(?=^\[|$(?![\s\S]))/ms.exec(manifest)?.[1] ?? ''
  return [...section.matchAll(/^(skeg-[a-z]+)/gm)].map((match) => match[1] ?? '')
}

export const dependencyDirection: Rule = (files) => {
  const problems: Problem[] = []
  for (const file of files) {
    const name = /^crates\/([^/]+)\/Cargo\.toml$/.exec(file.path)?.[1]
    if (name === undefined || outside.has(name)) continue
    const crate = crates[name]
    if (!crate) {
      problems.push({ file: file.path, message: `${name} has no place in scripts/tidy/layers.ts` })
      continue
    }
    for (const used of dependencies(file.text)) {
      if (!crate.uses.includes(used)) {
        problems.push({ file: file.path, message: `${name} may not use ${used}` })
      }
    }
  }
  return problems
}

export const unsafeOnlyInNamedModules: Rule = (files) => {
  const problems: Problem[] = []
  for (const file of files) {
    const match = /^crates\/([^/]+)\/src\/(.+\.rs)$/.exec(file.path)
    const [, name = '', inside = ''] = match ?? []
    const crate = crates[name]
    if (!match || !crate) continue
    if (inside === 'lib.rs' && !crate.unsafeIn && !file.text.includes('#![forbid(unsafe_code)]')) {
      problems.push({ file: file.path, message: 'must open with #![forbid(unsafe_code)]' })
    }
    if (crate.unsafeIn?.test(inside)) continue
    const isUnsafe = (line: string): boolean =>
      /\bunsafe\s*(\{|fn|impl|extern|trait)|unsafe\(/.test(line.replace(/\/\/.*/, ''))
    problems.push(...linesWhere(file, isUnsafe, `unsafe code may not live in this file of ${name}`))
  }
  return problems
}
