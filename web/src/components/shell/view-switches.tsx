// How one likes to see the page: light or dark, times as distances or exact; and which keys there are.
import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { IconClock, IconClockHour4, IconKeyboard, IconMoon, IconSun } from '@tabler/icons-react'
import { usePreferences } from '../../lib/preferences'

export function ViewSwitches({ onHelp }: { onHelp: () => void }) {
  const { setColorScheme } = useMantineColorScheme()
  const isDark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark'
  const [{ times }, prefer] = usePreferences()
  const isRelative = times === 'relative'
  return (
    <>
      <Switch
        label={isRelative ? 'Show exact times' : 'Show times as distances'}
        icon={isRelative ? IconClock : IconClockHour4}
        act={() => prefer({ times: isRelative ? 'absolute' : 'relative' })}
      />
      <Switch
        label={isDark ? 'Light colours' : 'Dark colours'}
        icon={isDark ? IconSun : IconMoon}
        act={() => setColorScheme(isDark ? 'light' : 'dark')}
      />
      <Switch label="Keys" icon={IconKeyboard} act={onHelp} />
    </>
  )
}

function Switch({ label, icon: Icon, act }: { label: string; icon: typeof IconSun; act: () => void }) {
  return (
    <Tooltip label={label}>
      <ActionIcon onClick={act} aria-label={label} size="md">
        <Icon size={17} stroke={1.7} />
      </ActionIcon>
    </Tooltip>
  )
}
