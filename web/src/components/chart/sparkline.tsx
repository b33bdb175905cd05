// How a figure was lately, as a line without axes. The figure itself stands beside it, so it says nothing to who cannot see.
import classes from './chart.module.css'

const WIDTH = 100
const HEIGHT = 24

export function Sparkline({ values }: { values: number[] }) {
  const most = Math.max(1, ...values)
  const step = WIDTH / Math.max(1, values.length - 1)
  const points = values.map((value, index) => `${index * step},${HEIGHT - 1 - (value / most) * (HEIGHT - 2)}`)
  return (
    <svg
      className={classes.sparkline}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden
    >
      {values.length > 1 && <polyline points={points.join(' ')} vectorEffect="non-scaling-stroke" />}
    </svg>
  )
}
