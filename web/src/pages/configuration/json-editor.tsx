// The editor. It is loaded only where a file is open, because it is larger than the rest of the page.
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import {
  bracketMatching,
  defaultHighlightStyle,
  foldGutter,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { EditorView, keymap, lineNumbers } from '@codemirror/view'
import { useComputedColorScheme } from '@mantine/core'
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react'
import type { Problem } from '../../api/types'
import { visible } from '../../lib/visible'
import { darkHighlight } from './editor-colours'
import { placeOf } from './places'

export interface EditorHandle {
  /** Goes to where a problem is. */
  show: (problem: Problem) => void
}

interface Props {
  label: string
  /** What it begins with. */
  text: string
  readOnly: boolean
  problems: Problem[]
  onChange: (text: string) => void
  ref: Ref<EditorHandle>
}

const look = EditorView.theme({
  '&': { height: '100%', fontSize: '12.5px', color: 'var(--ink)', backgroundColor: 'var(--panel)' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)' },
  '.cm-gutters': { backgroundColor: 'var(--page)', color: 'var(--ink-soft)', border: 'none' },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--row-cursor)',
  },
  '.cm-tooltip': { color: 'var(--ink)', backgroundColor: 'var(--panel)', border: '1px solid var(--line)' },
})

function diagnosticsOf(state: EditorState, problems: Problem[]): Diagnostic[] {
  return problems.map((problem) => ({
    ...placeOf(state, problem),
    severity: problem.severity === 'error' ? 'error' : 'warning',
    message: visible(problem.message),
  }))
}

export default function JsonEditor({ label, text, readOnly, problems, onChange, ref }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const changed = useRef(onChange)
  const begin = useRef(text)
  const scheme = useComputedColorScheme('light', { getInitialValueInEffect: false })
  useEffect(() => {
    changed.current = onChange
  }, [onChange])
  useEffect(() => {
    if (place.current === null) return
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: begin.current,
        extensions: [
          lineNumbers(),
          foldGutter(),
          lintGutter(),
          history(),
          bracketMatching(),
          indentUnit.of('  '),
          json(),
          syntaxHighlighting(scheme === 'dark' ? darkHighlight : defaultHighlightStyle),
          keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return
            begin.current = update.state.doc.toString()
            changed.current(begin.current)
          }),
          look,
        ],
      }),
    })
    view.current = editor
    return () => editor.destroy()
  }, [label, readOnly, scheme])
  useEffect(() => {
    const editor = view.current
    if (editor !== null) editor.dispatch(setDiagnostics(editor.state, diagnosticsOf(editor.state, problems)))
  }, [problems, scheme])
  useImperativeHandle(ref, () => ({
    show: (problem) => {
      const editor = view.current
      if (editor === null) return
      const { from } = placeOf(editor.state, problem)
      editor.dispatch({
        selection: { anchor: from },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      })
      editor.focus()
    },
  }))
  return <div ref={place} />
}
