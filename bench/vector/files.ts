/** What files of an index take: on disk, and in the page cache. */
import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'

/** All files below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

export function bytesOf(files: string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}

/** Takes files out of the page cache: GNU dd's way to say POSIX_FADV_DONTNEED. */
export function drop(files: string[]): void {
  for (const file of files) {
    execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
  }
}

/** MiB of files in the page cache, where the system can tell. */
export function cachedMib(files: string[]): number {
  try {
    const sizes = execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', ...files])
    const numbers = sizes.toString().trim().split(/\s+/).map(Number)
    return numbers.reduce((sum, bytes) => sum + bytes, 0) / 2 ** 20
  } catch {
    return NaN
  }
}
