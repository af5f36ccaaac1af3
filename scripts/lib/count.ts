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

/**
 * Counts the line that ava prints for each test. Its closing summary names what passed only when all
 * did; it is read for what is no test: crashes, rejections, files that hang.
 */
export function countAva(output: string): Count {
  const summary = output.slice(output.lastIndexOf('\n  ─'))
  const other =
    /^ *(\d+) (?:hooks? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/gm
  return {
    passed: [...output.matchAll(/^ {2}✔ /gm)].length,
    failed: [...output.matchAll(/^ {2}✘ \[fail\]/gm)].length + sum(summary, other),
  }
}
