/** Lists files of the repository. */
import { readdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fromRoot, root } from './root.ts'

/** All files below a folder (relative to the root), as sorted paths relative to the root. */
export function filesBelow(folder: string): string[] {
  return readdirSync(fromRoot(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort()
}

/** Files that git tracks, and new ones that it does not ignore. */
export function repositoryFiles(): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    },
  )
  return [...new Set(listed.split('\0'))].filter((file) => file !== '').sort()
}
