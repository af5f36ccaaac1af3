/**
 * Holds the repository to its own rules: what no compiler or linter checks. Part of `npm run check`.
 */
import { readFileSync, statSync } from 'node:fs'
import { repositoryFiles } from './lib/files.ts'
import { fromRoot } from './lib/root.ts'
import * as documents from './tidy/documents.ts'
import * as layers from './tidy/layers.ts'
import type { Problem, Rule, SourceFile } from './tidy/problem.ts'
import * as sources from './tidy/sources.ts'

const FILE_BYTES_MAX = 512 << 10

const rules: Rule[] = [
  ...Object.values(sources),
  ...Object.values(layers),
  ...Object.values(documents),
]

const problems: Problem[] = []
const files: SourceFile[] = []
for (const path of repositoryFiles()) {
  const stat = statSync(fromRoot(path), { throwIfNoEntry: false })
  if (!stat?.isFile()) continue
  if (stat.size > FILE_BYTES_MAX && path !== 'package-lock.json') {
    problems.push({ file: path, message: `${stat.size} bytes: too big to be kept in git` })
    continue
  }
  const bytes = readFileSync(fromRoot(path))
  if (bytes.includes(0)) continue
  const text = bytes.toString()
  files.push({ path, text, lines: text.split('\n') })
}
for (const rule of rules) problems.push(...rule(files))

for (const { file, line, message } of problems) {
  console.error(`${file}${line === undefined ? '' : `:${line}`}: ${message}`)
}
if (problems.length > 0) process.exitCode = 1
