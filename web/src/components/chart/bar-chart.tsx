// Bars over time, stacked by class. uPlot draws them; who cannot see them reads a table.
import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import uPlot from 'uplot'
import { alarmsOf, type Part } from '../../lib/parts'
import { absolute } from '../../lib/time'
import classes from './chart.module.css'

interface Props {
  label: string
  bars: Part[]
  /** Seconds that a bar stands for. */
  resolution: number
  /** A bar was chosen; this is when it begins. */
  onChosen: (start: number) => void
}

/** Stacked from below: low, medium, high; uPlot draws the highest sums first. */
function stacked(bars: Part[]): uPlot.AlignedData {
  return [
    bars.map(({ start }) => start),
    bars.map(alarmsOf),
    bars.map(({ low, medium }) => low + medium),
    bars.map(({ low }) => low),
  ]
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

function options(width: number, height: number, resolution: number): uPlot.Options {
  const paths = uPlot.paths.bars?.({ size: [0.85, 40], align: 1 })
  const series = (label: string, fill: string): uPlot.Series => ({
    label,
    fill: colour(fill),
    width: 0,
    points: { show: false },
    ...(paths === undefined ? {} : { paths }),
  })
  const axis: uPlot.Axis = {
    stroke: colour('--ink-soft'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1, size: 4 },
  }
  const hour = (secs: number) => absolute(secs).slice(11, 16)
  const day = (secs: number) => absolute(secs).slice(5, 10)
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    // A bar stands at the right of when it begins.
    scales: {
      x: { range: (_chart, first, last) => [first, last + resolution] },
      y: { range: (_chart, _low, high) => [0, Math.max(4, high * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        values: (_chart, splits, _at, _space, step) =>
          splits.map(
            step < 86_400 && resolution < 86_400
              ? (secs) => (hour(secs) === '00:00' ? day(secs) : hour(secs))
              : day,
          ),
      },
      {
        ...axis,
        size: 44,
        values: (_chart, splits) => splits.map((value) => (Number.isInteger(value) ? String(value) : '')),
      },
    ],
    series: [{}, series('High', '--high'), series('Medium', '--medium'), series('Low', '--low-ink')],
  }
}

function describe(bar: Part | undefined): string {
  if (bar === undefined) return ''
  return `${absolute(bar.start).slice(0, 16)}: high ${bar.high}, medium ${bar.medium}, low ${bar.low}`
}

export function BarChart({ label, bars, resolution, onChosen }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const told = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | null>(null)
  const current = useRef({ bars, onChosen })
  useEffect(() => {
    current.current = { bars, onChosen }
    chart.current?.setData(stacked(bars))
  }, [bars, onChosen])
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const drawn = new uPlot(
      {
        ...options(element.clientWidth, element.clientHeight, resolution),
        hooks: {
          setCursor: [
            ({ cursor }) => {
              if (told.current !== null)
                told.current.textContent = describe(current.current.bars[cursor.idx ?? -1])
            },
          ],
        },
      },
      stacked(current.current.bars),
      element,
    )
    chart.current = drawn
    drawn.over.addEventListener('click', () => {
      const bar = current.current.bars[drawn.cursor.idx ?? -1]
      if (bar !== undefined) current.current.onChosen(bar.start)
    })
    const resized = new ResizeObserver(() =>
      drawn.setSize({ width: element.clientWidth, height: element.clientHeight }),
    )
    resized.observe(element)
    return () => {
      resized.disconnect()
      drawn.destroy()
      chart.current = null
    }
  }, [resolution])
  return (
    <figure className={classes.figure} aria-label={label}>
      <div ref={place} className={classes.plot} aria-hidden />
      <div ref={told} className={classes.told} aria-hidden />
      <BarTable bars={bars} />
    </figure>
  )
}

function BarTable({ bars }: { bars: Part[] }) {
  const some = bars.filter((bar) => alarmsOf(bar) > 0)
  return (
    <table className="unseen">
      <thead>
        <tr>
          <th>Begin</th>
          <th>High</th>
          <th>Medium</th>
          <th>Low</th>
        </tr>
      </thead>
      <tbody>
        {some.map((bar) => (
          <tr key={bar.start}>
            <td>{absolute(bar.start)}</td>
            <td>{bar.high}</td>
            <td>{bar.medium}</td>
            <td>{bar.low}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
