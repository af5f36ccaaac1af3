/** What running a unit of somebody else's tests gives, and what is known to fail in it. */
import { readFileSync } from 'node:fs'
import { fromRoot } from '../scripts/lib/root.ts'

export interface UnitResult {
  unit: string
  passed: number
  failed: string[]
  /** Tests that were left out, or that failed as `skip.json` says. */
  skipped: number
  /** The suite's own words when it ended without finishing the unit. */
  broken?: string
}

/** Test name (or /pattern) and why it is left out, for each unit. */
export type SkipList = Record<string, Record<string, string>>

export function skipList(): SkipList {
  return JSON.parse(readFileSync(fromRoot('conformance', 'skip.json'), 'utf8')) as SkipList
}
