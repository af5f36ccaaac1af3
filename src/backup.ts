// Backups: what they are made with and what they consist of.

import path from 'node:path'
import { checkKeys, expected } from './options.ts'

/** How to make a backup. */
export interface BackupOptions {
  /**
   * Write every byte again. Otherwise files that never change any more get a second name (a hard link)
   * where the file system can do that: no time, no space, and no second place on the disk.
   *
   * @defaultValue `false`
   */
  copy?: boolean
}

/** What a backup consists of. */
export interface Backup {
  /** Files. */
  files: number
  /** Bytes of them. */
  bytes: number
  /** Files that are the same as in the store, under a second name. */
  linked: number
  /** Files that the earlier backup had already. */
  reused: number
}

/** The words of SKEG.BACKUP. */
export function backupWords(directory: string, options: BackupOptions = {}): string[] {
  if (typeof directory !== 'string' || directory === '') {
    throw expected('directory', 'a path')
  }
  checkKeys('the options of backup', options, ['copy'])
  const { copy = false } = options
  if (typeof copy !== 'boolean') throw expected('copy', 'true or false')
  return ['SKEG.BACKUP', path.resolve(directory), ...(copy ? ['COPY'] : [])]
}

/** What the reply of SKEG.BACKUP says. */
export function readBackup(reply: unknown): Backup {
  const { files = 0, bytes = 0, linked = 0, reused = 0 } = reply as Record<string, number>
  return { files, bytes, linked, reused }
}
