/** What a tidy rule reports. */
export interface Problem {
  file: string
  /** Counted from 1; absent when the file as a whole is meant. */
  line?: number
  /** What is wrong and what to do about it. */
  message: string
}

/** A text file of the repository. */
export interface SourceFile {
  /** Path relative to the root. */
  path: string
  text: string
  lines: string[]
}

/** A rule looks at all files and reports what it does not like. */
export type Rule = (files: SourceFile[]) => Problem[]

/** Reports every line of a file for which `test` holds. */
export function linesWhere(
  file: SourceFile,
  test: (line: string, index: number) => boolean,
  message: string,
): Problem[] {
  return file.lines.flatMap((line, index) =>
    test(line, index) ? [{ file: file.path, line: index + 1, message }] : [],
  )
}
