/** Counts tests in what cargo and ava print. */

export interface Count {
  passed: number
  failed: number
}

function sum(text: string, pattern: RegExp): number {
  let total = 0
  for (const match of text.matchAll(pattern)) total += Number(match[1])
  return total
}

/** Adds up the `test result:` lines, one for each test program and each crate's documentation. */
export function countCargo(output: string): Count {
  const lines = output.split('\n').filter((line) => line.startsWith('test result: '))
  const text = lines.join('\n')
  return { passed: sum(text, /(\d+) passed;/g), failed: sum(text, /(\d+) failed;/g) }
}

/** Reads ava's closing summary; files that crash or hang count as one failure each. */
export function countAva(output: string): Count {
  const summary = output.slice(output.lastIndexOf('\n  ─'))
  return {
    passed: sum(summary, /^ *(\d+) tests? passed/gm),
    failed: sum(
      summary,
      /^ *(\d+) (?:tests? failed|hooks? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending|test files? (?:was|were) not found)/gm,
    ),
  }
}
