/** The root of the repository, wherever a script is started from. */
import path from 'node:path'

export const root = path.resolve(import.meta.dirname, '../..')

/** Absolute path of something named relative to the root. */
export function fromRoot(...parts: string[]): string {
  return path.join(root, ...parts)
}
