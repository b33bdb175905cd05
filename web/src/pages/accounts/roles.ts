// The roles, and what each may do.
import type { Role } from '../../api/types'

export const ROLES: { value: Role; label: string }[] = [
  { value: 'viewer', label: 'viewer: looks' },
  { value: 'analyst', label: 'analyst: handles alarms' },
  { value: 'admin', label: 'admin: everything' },
]

export function roleOf(text: string): Role {
  return ROLES.find(({ value }) => value === text)?.value ?? 'viewer'
}
