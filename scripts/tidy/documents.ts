/** Rules on documents: what they point at is there, and workflows only call `.ci/run`. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fromRoot } from '../lib/root.ts'
import type { Problem, Rule } from './problem.ts'

/** Each row of the map names at least one file, and every file it names exists. */
export const mapIsTrue: Rule = (files) => {
  const map = files.find((file) => file.path === 'docs/MAP.md')
  if (!map) return [{ file: 'docs/MAP.md', message: 'is missing' }]
  const problems: Problem[] = []
  map.lines.forEach((text, index) => {
    if (!text.startsWith('| ') || /^\| (Behaviour|-)/.test(text)) return
    const named = [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
    const paths = named.filter((name) => /\/|\.(ts|rs|md)$/.test(name))
    const line = index + 1
    if (paths.length === 0) problems.push({ file: map.path, line, message: 'names no file' })
    for (const name of paths) {
      if (!existsSync(fromRoot(name))) {
        problems.push({ file: map.path, line, message: `${name} is not there any more` })
      }
    }
  })
  return problems
}

/** Relative links of Markdown files lead somewhere. */
export const linksLeadSomewhere: Rule = (files) => {
  const problems: Problem[] = []
  for (const file of files.filter((f) => f.path.endsWith('.md'))) {
    file.lines.forEach((text, index) => {
      for (const match of text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)) {
        const target = match[1] ?? ''
        if (/^[a-z]+:/.test(target)) continue
        if (!existsSync(fromRoot(path.dirname(file.path), target))) {
          problems.push({ file: file.path, line: index + 1, message: `no such file: ${target}` })
        }
      }
    })
  }
  return problems
}

/** A workflow sets up a machine and calls `.ci/run`; what is done there can be done at home. */
export const workflowsHoldNoLogic: Rule = (files) => {
  const problems: Problem[] = []
  for (const file of files.filter((f) => f.path.startsWith('.github/workflows/'))) {
    file.lines.forEach((text, index) => {
      const command = /^\s*(?:- )?run:\s*(.*)$/.exec(text)?.[1]
      if (command !== undefined && !/^\.ci\/run( [a-z-]+)*$/.test(command)) {
        problems.push({ file: file.path, line: index + 1, message: 'may only call .ci/run' })
      }
    })
  }
  return problems
}

/** Numbers of decision records are unique. */
export const decisionNumbers: Rule = (files) => {
  const seen = new Map<string, string>()
  const problems: Problem[] = []
  for (const { path: file } of files) {
    const number = /^docs\/decisions\/(\d+)-/.exec(file)?.[1]
    if (number === undefined) continue
    const other = seen.get(number)
    if (other !== undefined) problems.push({ file, message: `has the number of ${other}` })
    seen.set(number, file)
  }
  return problems
}

/** Every test that docs/durability.md names as `file#name` is there. */
export const promisedTestsExist: Rule = (files) => {
  const page = files.find((file) => file.path === 'docs/durability.md')
  if (!page) return [{ file: 'docs/durability.md', message: 'is missing' }]
  const problems: Problem[] = []
  page.lines.forEach((text, index) => {
    for (const [, path = '', name = ''] of text.matchAll(/`([^`#]+)#([^`]+)`/g)) {
      const test = files.find((file) => file.path === path)
      const opening = path.endsWith('.rs') ? `fn ${name}(` : `test('${name}'`
      if (test?.text.includes(opening) !== true) {
        problems.push({ file: page.path, line: index + 1, message: `no test ${path}#${name}` })
      }
    }
  })
  return problems
}
