// Where in the text of a file a problem is: the checker says entry, stage and field, an editor needs a place in the text.
import { ensureSyntaxTree } from '@codemirror/language'
import type { EditorState } from '@codemirror/state'
import type { SyntaxNode } from '@lezer/common'
import type { Problem } from '../../api/types'

export interface Span {
  from: number
  to: number
}

const PARSING_MILLIS = 200

function childrenOf(node: SyntaxNode | null, name: string): SyntaxNode[] {
  return node === null ? [] : node.getChildren(name)
}

/** The property of this name in an object. */
function property(state: EditorState, object: SyntaxNode | null, name: string): SyntaxNode | null {
  const found = childrenOf(object, 'Property').find((one) => {
    const key = one.getChild('PropertyName')
    return key !== null && state.sliceDoc(key.from + 1, key.to - 1) === name
  })
  return found ?? null
}

function valueOf(node: SyntaxNode | null): SyntaxNode | null {
  return node?.lastChild ?? null
}

function textOf(state: EditorState, node: SyntaxNode | null): string {
  return node === null ? '' : state.sliceDoc(node.from, node.to).replaceAll('"', '')
}

/** The first list in the file, such as that of `directives`. */
function entries(root: SyntaxNode | null): SyntaxNode[] {
  const object = root?.getChild('Object') ?? null
  for (const one of childrenOf(object, 'Property')) {
    const list = one.getChild('Array')
    if (list !== null) return list.getChildren('Object')
  }
  return []
}

/** `directive 7` is the one with this id, `assets entry 3` the third; anything else is what has this name. */
function entryOf(state: EditorState, all: SyntaxNode[], entry: string): SyntaxNode | null {
  const number = /(\d+)\D*$/.exec(entry)?.[1] ?? ''
  const has = (name: string, text: string) =>
    all.find((one) => textOf(state, valueOf(property(state, one, name))) === text)
  return (
    has('id', number) ??
    all.find((one) => entry.includes(nameOf(state, one))) ??
    all[Number(number) - 1] ??
    null
  )
}

function nameOf(state: EditorState, node: SyntaxNode): string {
  const name = textOf(state, valueOf(property(state, node, 'name')))
  return name === '' ? '\0' : name
}

function spanOf(node: SyntaxNode): Span {
  const key = node.getChild('PropertyName')
  return { from: node.from, to: key === null ? Math.min(node.to, node.from + 1) : key.to }
}

/** Where to show a problem: as near as it is said; the beginning of the file, if nothing is said. */
export function placeOf(state: EditorState, problem: Problem): Span {
  const start = { from: 0, to: Math.min(1, state.doc.length) }
  const byLine = /line (\d+)/.exec(problem.message)
  if (problem.entry === '' && byLine !== null) {
    const line = Math.min(state.doc.lines, Math.max(1, Number(byLine[1])))
    const { from, to } = state.doc.line(line)
    return { from, to }
  }
  const root = ensureSyntaxTree(state, state.doc.length, PARSING_MILLIS)?.topNode ?? null
  const entry = entryOf(state, entries(root), problem.entry)
  if (entry === null) return start
  let place = entry
  if (problem.stage != null) {
    const rules = valueOf(property(state, entry, 'rules'))
    const stage = String(problem.stage)
    const rule = childrenOf(rules, 'Object').find(
      (one) => textOf(state, valueOf(property(state, one, 'stage'))) === stage,
    )
    place = rule ?? entry
  }
  const field = problem.field === '' ? null : property(state, place, problem.field)
  return spanOf(field ?? place)
}
