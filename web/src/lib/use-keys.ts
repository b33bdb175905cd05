// Keys that do something wherever one is on the page: not while one types, not together with Ctrl, Alt or Cmd, and not while
// a dialog is open.
import { useEffect, useRef } from 'react'

export type Keys = Record<string, (event: KeyboardEvent) => void>

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}

/** Enter and Space do what the focused control does. */
function belongsToControl(event: KeyboardEvent): boolean {
  const isPress = event.key === 'Enter' || event.key === ' '
  return (
    isPress &&
    event.target instanceof HTMLElement &&
    event.target.closest('a, button, summary, [role]') !== null
  )
}

function isTaken(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return true
  if (
    isTyping(event.target) &&
    !(event.target instanceof HTMLInputElement && event.target.type === 'checkbox')
  )
    return true
  return belongsToControl(event) || document.querySelector('[role="dialog"], [role="menu"]') !== null
}

export function useKeys(keys: Keys): void {
  const current = useRef(keys)
  useEffect(() => {
    current.current = keys
  })
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const act = current.current[event.key]
      if (act === undefined || isTaken(event)) return
      event.preventDefault()
      act(event)
    }
    window.addEventListener('keydown', pressed)
    return () => window.removeEventListener('keydown', pressed)
  }, [])
}
