/** Cuts Markdown documents into passages that are worth finding. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface Passage {
  /** `package/file.md`, and which passage of it. */
  id: string
  /** The headings above it, outermost first. */
  heading: string
  text: string
}

const WORDS_MIN = 12
const WORDS_MAX = 120
const FILE_BYTES_MAX = 1 << 20

/** Markdown files below a `node_modules` folder, sorted. */
export function markdownFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(md|markdown)$/i.test(entry.name))
    .filter((entry) => !/^(licen[cs]e|changelog|history|third-party|notice)/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}

/** The passages of one document: paragraphs of a section, together until they are long enough. */
export function passages(folder: string, file: string): Passage[] {
  const bytes = readFileSync(file)
  if (bytes.length > FILE_BYTES_MAX) return []
  const name = path.relative(folder, file)
  const found: Passage[] = []
  let headings: string[] = []
  let words: string[] = []
  const finish = (): void => {
    if (words.length >= WORDS_MIN) {
      const id = `${name}#${found.length + 1}`
      found.push({ id, heading: headings.join(' > '), text: words.join(' ') })
    }
    words = []
  }
  for (const block of bytes.toString('utf8').split(/\n\s*\n/)) {
    const heading = /^(#{1,6})\s+(.+?)\s*#*$/m.exec(block)
    if (heading) {
      finish()
      const [, marks = '', title = ''] = heading
      headings = [...headings.slice(0, marks.length - 1), plain(title)]
    }
    const next = plain(heading ? block.replace(heading[0], '') : block)
      .split(/\s+/)
      .filter(Boolean)
    if (words.length + next.length > WORDS_MAX) finish()
    words.push(...next.slice(0, WORDS_MAX))
  }
  finish()
  return found
}

/** Markdown without its marks: images, links, tags, tables' lines. */
function plain(markdown: string): string {
  return markdown
    .replaceAll(/!\[[^\]]*\]\([^)]*\)/g, ' ')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/[`*_#>|]|-{3,}|={3,}/g, ' ')
    .trim()
}
