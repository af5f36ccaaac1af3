/** What is measured: an index of somebody's that holds the rows of a set. */
import type { Figures } from './figures.ts'

/** One measurement. */
export interface Ask {
  k: number
  /** How much a search looks at, in the subject's own unit. */
  point: number
  /** Threads or connections that search. */
  threads: number
  seconds: number
}

export interface Subject {
  name: string
  /** What its points are called. */
  unit: string
  /** What to measure for a k, from fast to exact. */
  points: (k: number) => number[]
  /** What building and opening took, what it takes in memory and on disk. */
  about: Figures
  measure: (ask: Ask) => Promise<Figures>
  /** With what it reads no longer in memory, for subjects that read from disk. */
  measureCold?: (ask: Ask) => Promise<Figures>
  /** What is known only when all was measured. */
  finish?: () => Promise<Figures>
  close: () => Promise<void>
}
