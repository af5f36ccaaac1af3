/** What charts need. */

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** Round numbers of a logarithmic axis. */
export function ticks(low: number, high: number): number[] {
  const found: number[] = []
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
    found.push(...[1, 2, 5].map((n) => n * decade).filter((n) => n >= low && n <= high))
  }
  return found
}
