/** A progress bar on a terminal; a line at the end elsewhere. */
export class Progress {
  #shown = 0
  readonly #start = performance.now()

  constructor(
    readonly what: string,
    readonly total: number,
  ) {}

  update(done: number): void {
    const now = performance.now()
    if (!process.stderr.isTTY || (done < this.total && now - this.#shown < 100)) return
    this.#shown = now
    const width = 30
    const full = Math.round((width * done) / Math.max(1, this.total))
    const seconds = (now - this.#start) / 1_000
    const left = done === 0 ? 0 : (seconds * (this.total - done)) / done
    const bar = `${'#'.repeat(full)}${'.'.repeat(width - full)}`
    const rate = Math.round(done / Math.max(seconds, 0.001)).toLocaleString('en')
    process.stderr.write(
      `\r${this.what} [${bar}] ${done.toLocaleString('en')} of ${this.total.toLocaleString('en')}, ${rate}/s, ${left.toFixed(0)} s left   `,
    )
  }

  /** Ends the bar and returns the seconds it took. */
  finish(): number {
    const seconds = (performance.now() - this.#start) / 1_000
    if (process.stderr.isTTY) process.stderr.write(`\r${' '.repeat(100)}\r`)
    console.log(`${this.what}: ${this.total.toLocaleString('en')} in ${seconds.toFixed(1)} s`)
    return seconds
  }
}
