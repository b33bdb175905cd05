// A mistake in one page does not take the others along.
import { Component, type ReactNode } from 'react'
import { ProblemNote } from './problem'

export class Stumble extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null }

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error }
  }

  override render(): ReactNode {
    const { error } = this.state
    return error === null ? (
      this.props.children
    ) : (
      <ProblemNote error={error} again={() => this.setState({ error: null })} />
    )
  }
}
