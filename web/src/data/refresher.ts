// How often what is shown is asked for again while changes come in. Under an attack thousands come each second; the first one
// is shown at once, and then no more than one question is asked in each period, however many come.

export class Refresher {
  private timer: ReturnType<typeof setTimeout> | null = null
  private lastAt = Number.NEGATIVE_INFINITY

  /** `refresh` is called at most once in `periodMillis`; `now` is a clock in milliseconds. */
  constructor(
    private readonly refresh: () => void,
    private readonly periodMillis: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Something has changed. */
  changed(): void {
    if (this.timer !== null) return
    const wait = Math.max(0, this.lastAt + this.periodMillis - this.now())
    this.timer = setTimeout(() => {
      this.timer = null
      this.lastAt = this.now()
      this.refresh()
    }, wait)
  }

  /** Nothing more is asked for. */
  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }
}
