// Colours of JSON on a dark ground; on a light one, those that the editor brings are fine.
import { HighlightStyle } from '@codemirror/language'
import { tags } from '@lezer/highlight'

export const darkHighlight = HighlightStyle.define([
  { tag: tags.propertyName, color: '#8cc0f5' },
  { tag: tags.string, color: '#9fd8a4' },
  { tag: tags.number, color: '#f2b880' },
  { tag: [tags.bool, tags.null], color: '#d7a6f0' },
  { tag: tags.invalid, color: '#ff9a90' },
])
