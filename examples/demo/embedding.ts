/**
 * Feature hashing with TF-IDF weights (Weinberger et al. 2009, "Feature Hashing for Large Scale
 * Multitask Learning"): a real embedding that needs no model and no network. It finds passages that
 * share rare words with the question, nothing deeper; with a language model's embeddings the rest of
 * the program stays as it is.
 */
export const DIM = 1024

/** Terms fall into this many classes when their document frequency is counted. */
const CLASSES = 1 << 16

const STOP = new Set(
  'a an and are as at be by for from has have how i if in is it its of on or that the this to use used using was what when which will with you your'.split(
    ' ',
  ),
)

/** Lower-case words and pairs of words; plurals and some endings fold together. */
function* terms(text: string): Generator<string> {
  let before = ''
  for (const [word] of text.toLowerCase().matchAll(/[a-z][a-z0-9]+/g)) {
    if (STOP.has(word)) continue
    const stem = word.replace(/(ing|ies|ed|es|s)$/, '')
    const term = stem.length > 2 ? stem : word
    yield term
    if (before !== '') yield `${before} ${term}`
    before = term
  }
}

/** FNV-1a, 32 bits, with a final mix so that low bits are as good as high ones. */
function hash(term: string): number {
  let value = 0x811c9dc5
  for (let n = 0; n < term.length; n++) {
    value = Math.imul(value ^ term.charCodeAt(n), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d)
  return (value ^ (value >>> 13)) >>> 0
}

/** How many passages hold a term of each class: what IDF weights come from. */
export class Frequencies {
  constructor(
    readonly counts: Uint32Array = new Uint32Array(CLASSES),
    public passages = 0,
  ) {}

  add(text: string): void {
    const classes = new Set<number>()
    for (const term of terms(text)) classes.add(hash(term) % CLASSES)
    for (const of of classes) this.counts[of] = (this.counts[of] ?? 0) + 1
    this.passages++
  }

  /** The text as a vector of length 1. */
  embed(text: string): Float32Array {
    const counts = new Map<string, number>()
    for (const term of terms(text)) counts.set(term, (counts.get(term) ?? 0) + 1)
    const vector = new Float32Array(DIM)
    for (const [term, count] of counts) {
      const bits = hash(term)
      const seen = this.counts[bits % CLASSES] ?? 0
      const weight = (1 + Math.log(count)) * Math.log((1 + this.passages) / (1 + seen))
      const sign = bits & 0x8000_0000 ? -1 : 1
      const at = (bits >>> 16) % DIM
      vector[at] = (vector[at] ?? 0) + sign * weight
    }
    const norm = Math.hypot(...vector)
    return norm === 0 ? vector : vector.map((number) => number / norm)
  }

  /** As bytes, to be stored beside the vectors. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(4 + this.counts.byteLength)
    new DataView(bytes.buffer).setUint32(0, this.passages, true)
    bytes.set(new Uint8Array(this.counts.buffer, this.counts.byteOffset, this.counts.byteLength), 4)
    return bytes
  }

  static fromBytes(bytes: Uint8Array): Frequencies {
    const copy = bytes.slice()
    const passages = new DataView(copy.buffer).getUint32(0, true)
    return new Frequencies(new Uint32Array(copy.buffer.slice(4)), passages)
  }
}
