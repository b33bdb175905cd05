// What one person likes on one machine. It stays in the browser; what a team shares is in addresses and views.
import { useLocalStorage } from '@mantine/hooks'

export interface Preferences {
  times: 'relative' | 'absolute'
  /** Columns of the list of alarms that are not shown, or shown although they are not by default. */
  columns: Record<string, boolean>
  /** Alarms on a page. */
  pageSize: number
}

const DEFAULTS: Preferences = { times: 'relative', columns: {}, pageSize: 50 }

export function usePreferences(): [Preferences, (change: Partial<Preferences>) => void] {
  const [kept, keep] = useLocalStorage<Partial<Preferences>>({
    key: 'dsiem.preferences',
    defaultValue: {},
    getInitialValueInEffect: false,
  })
  return [{ ...DEFAULTS, ...kept }, (change) => keep({ ...kept, ...change })]
}
