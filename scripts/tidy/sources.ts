/** Rules on single source files: their size, their header, what must not be in them. */
import type { Problem, Rule, SourceFile } from './problem.ts'
import { linesWhere } from './problem.ts'

const LINES_MAX = 1_000
const HEADER_LINES_MAX = 25

const isRust = (file: SourceFile): boolean => /^crates\/.*\.rs$/.test(file.path)
const isScript = (file: SourceFile): boolean => /\.(ts|js|mjs|cjs)$/.test(file.path)
const isGenerated = (file: SourceFile): boolean =>
  /(^|\/)generated\//.test(file.path) || file.path === 'index.d.ts'
const isTest = (file: SourceFile): boolean =>
  /(^|\/)(tests?|benches|__test__|examples|bench)\/|(^|\/)tests?\.rs$|_tests?\.rs$/.test(file.path)

/** Lines before the unit tests, which stand at the end of a file. */
function codeLines(file: SourceFile): number {
  const tests = file.lines.findIndex((line) => line.startsWith('#[cfg(test)]'))
  return tests === -1 ? file.lines.length : tests
}

export const fileSize: Rule = (files) =>
  files
    .filter((file) => (isRust(file) || isScript(file)) && !isGenerated(file) && !isTest(file))
    .filter((file) => codeLines(file) > LINES_MAX)
    .map((file) => ({
      file: file.path,
      message: `${codeLines(file)} lines: split it, ${LINES_MAX} is the limit`,
    }))

export const moduleHeaders: Rule = (files) => {
  const problems: Problem[] = []
  for (const file of files) {
    if (isGenerated(file) || /(^|\/)fixtures\//.test(file.path)) continue
    if (isRust(file) && !isTest(file)) {
      const header = file.lines.findIndex((line) => !line.startsWith('//!'))
      if (header === 0) {
        problems.push({ file: file.path, message: 'must open with //! saying what it is for' })
      } else if (header > HEADER_LINES_MAX) {
        problems.push({
          file: file.path,
          message: `a header has ${HEADER_LINES_MAX} lines at most`,
        })
      }
      const isCrate = /^crates\/[^/]+\/src\/lib\.rs$/.test(file.path)
      if (isCrate && !file.lines.slice(0, header).some((line) => line.includes('May not know'))) {
        problems.push({ file: file.path, message: "a crate's header says what it may not know" })
      }
    } else if (isScript(file) && /^(src|scripts|bin|__test__|bench|examples)\//.test(file.path)) {
      const first = file.lines.find((line) => !line.startsWith('#!'))
      if (!/^\/[*/]/.test(first ?? '')) {
        problems.push({
          file: file.path,
          message: 'must open with a comment saying what it is for',
        })
      }
    }
  }
  return problems
}

/** Words that mean somebody stopped half-way. Spelt apart, so that this file is not one of them. */
const unfinished = new RegExp(
  `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`,
)

export const nothingUnfinished: Rule = (files) =>
  files
    .filter((file) => isRust(file) || isScript(file) || file.path.endsWith('.md'))
    .flatMap((file) => linesWhere(file, (line) => unfinished.test(line), 'finish it, or drop it'))

/** Home and work directories of whoever wrote the file. */
const machinePath = /(?<![\w.~-])\/(home|root|work|Users|mnt)\/[A-Za-z0-9_]/

export const noMachinePaths: Rule = (files) =>
  files.flatMap((file) =>
    linesWhere(file, (line) => machinePath.test(line), 'a path of one machine has no place here'),
  )

export const noSkippedTests: Rule = (files) =>
  files
    .filter((file) => isScript(file) && isTest(file))
    .flatMap((file) =>
      linesWhere(file, (line) => /\btest\.(only|skip|todo)\b/.test(line), 'every test runs'),
    )
