/** `--help` of the commands of a checkout: the comment that the file of a command begins with. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Shows the first comment of the module at this URL, and ends the process, when help is asked for. */
export function helpIfAsked(url: string): void {
  const isAsked = process.argv.slice(2).some((word) => word === '--help' || word === '-h')
  if (!isAsked) return
  const source = readFileSync(fileURLToPath(url), 'utf8')
  const comment = source.slice(0, source.indexOf('*/'))
  console.log(comment.replaceAll(/^(\/\*\*| \*) ?/gm, '').trim())
  process.exit(0)
}
