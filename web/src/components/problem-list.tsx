// What is wrong with a configuration file or a directive, each with its place.
import type { Problem } from '../api/types'
import { Said } from './said'
import { Severity } from './severity'
import classes from './problem-list.module.css'

interface Props {
  of: Problem[]
  /** Whether problems of several files are in it. */
  files?: boolean
  /** Somebody wants to see the place. */
  onChosen?: (problem: Problem) => void
}

function placeOf({ file, entry, stage, field }: Problem, files: boolean): string {
  const parts = [files ? file : '', entry, stage == null ? '' : `stage ${stage}`, field]
  return parts.filter((part) => part !== '').join(', ')
}

export function ProblemList({ of, files = false, onChosen }: Props) {
  if (of.length === 0) return <Severity of="ok">no problem</Severity>
  return (
    <ul className={classes.list}>
      {of.map((problem, index) => {
        const place = placeOf(problem, files)
        return (
          <li key={index}>
            <Severity of={problem.severity === 'error' ? 'error' : 'warning'}>{problem.severity}</Severity>{' '}
            {place !== '' &&
              (onChosen === undefined ? (
                <b>
                  <Said text={place} limit={120} />:
                </b>
              ) : (
                <button type="button" onClick={() => onChosen(problem)}>
                  <Said text={place} limit={120} />
                </button>
              ))}{' '}
            <Said text={problem.message} limit={400} whole />
          </li>
        )
      })}
    </ul>
  )
}
