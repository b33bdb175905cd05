// How Mantine looks here: dense, calm, and with text that has enough contrast in both schemes.
import {
  ActionIcon,
  Button,
  createTheme,
  type CSSVariablesResolver,
  Modal,
  MultiSelect,
  NativeSelect,
  NumberInput,
  PasswordInput,
  Select,
  Switch,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core'

const small = { defaultProps: { size: 'xs' as const } }

export const theme = createTheme({
  primaryColor: 'blue',
  // Grey with a little blue, as the rest of the page is; from text to ground.
  colors: {
    dark: [
      '#e3e9ef',
      '#c3ccd6',
      '#a6b3c0',
      '#8391a0',
      '#4a5866',
      '#36434f',
      '#232e39',
      '#1d2732',
      '#171f28',
      '#10161d',
    ],
  },
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: 'sm',
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  fontSizes: { xs: '12px', sm: '13px', md: '14px', lg: '16px', xl: '19px' },
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '19px' }, h2: { fontSize: '14px' }, h3: { fontSize: '13px' } },
  },
  components: {
    Button: Button.extend({ ...small, styles: { root: { paddingInline: 10 }, label: { fontWeight: 500 } } }),
    TextInput: TextInput.extend(small),
    PasswordInput: PasswordInput.extend(small),
    NumberInput: NumberInput.extend(small),
    Textarea: Textarea.extend(small),
    Select: Select.extend(small),
    MultiSelect: MultiSelect.extend(small),
    NativeSelect: NativeSelect.extend(small),
    Switch: Switch.extend(small),
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray' } }),
    Tooltip: Tooltip.extend({ defaultProps: { openDelay: 300, withArrow: true } }),
    Modal: Modal.extend({ defaultProps: { centered: true, closeButtonProps: { 'aria-label': 'Close' } } }),
  },
})

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': 'var(--panel)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--ink-soft)',
    '--mantine-color-placeholder': 'var(--ink-soft)',
    '--mantine-color-default-border': 'var(--line)',
    '--mantine-color-anchor': '#0b57a4',
    '--mantine-color-error': 'var(--high-ink)',
  },
  dark: {
    '--mantine-color-body': 'var(--panel)',
    '--mantine-color-text': 'var(--ink)',
    '--mantine-color-dimmed': 'var(--ink-soft)',
    '--mantine-color-placeholder': 'var(--ink-soft)',
    '--mantine-color-default': 'var(--row-hover)',
    '--mantine-color-default-border': 'var(--line)',
    '--mantine-color-anchor': '#8cc0f5',
    '--mantine-color-error': 'var(--high-ink)',
  },
})
