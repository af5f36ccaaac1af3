/** Rows of figures as a table for the terminal. */
import type { Row } from './bench.ts'

function show(value: number | undefined): string {
  if (value === undefined) return '-'
  // Recalls differ in their last digits.
  const digits = value < 1 ? 4 : value < 100 ? 2 : 0
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

export function table(rows: Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))]
  const lines = [
    ['condition', 'subject', ...names],
    ...rows.map((row) => [
      row.condition,
      row.subject,
      ...names.map((name) => show(row.figures[name])),
    ]),
  ]
  const widths = (lines[0] ?? []).map((_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  )
  return lines
    .map((line) =>
      line
        .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
