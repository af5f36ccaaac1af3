/** What a benchmark is, and what it tells. One file in `ops/` for each. */

/** How much to measure. */
export interface Effort {
  /** How often each subject is measured; the best counts. Subjects alternate. */
  rounds: number
  /** Scales requests and durations: 1 for figures that are kept, less for a quick look. */
  scale: number
  /** What the benchmarks of vectors are asked for. */
  vectors?: VectorChoice
  /** Keeps a file beside the results, when these are kept. */
  attach?: (extension: string, content: string) => void
}

/** Left out: glosses of a dictionary, all rows, all peers. */
export interface VectorChoice {
  /** A folder with base.fbin, query.fbin and truth.ibin. */
  data?: string | undefined
  /** The first rows only. */
  rows?: number | undefined
  peers?: string[] | undefined
}

/** One subject under one condition. */
export interface Row {
  /** What was measured: `skeg`, or a peer. */
  subject: string
  /** The condition, such as `P=16`. */
  condition: string
  /** Figures by name; the name says the unit. */
  figures: Record<string, number>
}

/** What a ratio has to reach. */
export interface Bar {
  /** The condition it holds for. */
  condition: string
  /** The figure that is compared. */
  figure: string
  /** Whose figure it is. Absent: skeg's. */
  subject?: string
  /** The peer. Absent: the figure itself is held against the bar. */
  peer?: string
  /** The peer's figure, where it has another name. */
  peerFigure?: string
  /** At least (or, for `atMost`, at most) this. */
  value: number
  atMost?: boolean
}

export interface Bench {
  /** Name on the command line. */
  name: string
  /** One line for the list. */
  what: string
  /** Whether it runs only when it is named: it needs more than npm has, and long. */
  onlyNamed?: boolean
  bars: Bar[]
  run: (effort: Effort) => Promise<Row[]>
}

/** A bar and what was reached. */
export interface Verdict extends Bar {
  reached: number
  met: boolean
}

/** Holds the rows against the bars. A bar without figures is left out. */
export function judge(bench: Bench, rows: Row[]): Verdict[] {
  const figure = (subject: string, { condition }: Bar, name: string): number | undefined =>
    rows.find((row) => row.subject === subject && row.condition === condition)?.figures[name]
  return bench.bars.flatMap((bar) => {
    const ours = figure(bar.subject ?? 'skeg', bar, bar.figure)
    const theirs = bar.peer === undefined ? 1 : figure(bar.peer, bar, bar.peerFigure ?? bar.figure)
    if (ours === undefined || theirs === undefined) return []
    const reached = ours / theirs
    const met = bar.atMost === true ? reached <= bar.value : reached >= bar.value
    return [{ ...bar, reached, met }]
  })
}

/** Keeps, of several rounds of one subject and condition, the best value of each figure. */
export function best(rounds: Record<string, number>[]): Record<string, number> {
  const names = [...new Set(rounds.flatMap((round) => Object.keys(round)))]
  return Object.fromEntries(
    names.map((name) => {
      const values = rounds.flatMap((round) => round[name] ?? [])
      // Times and sizes are better small, rates are better large.
      const small = /_ms$|_ns$|_s$|_mib$|_bytes$|^bytes/.test(name)
      return [name, small ? Math.min(...values) : Math.max(...values)]
    }),
  )
}
