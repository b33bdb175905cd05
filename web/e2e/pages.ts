// All pages, for what is looked at on each of them.
export const PAGES: [string, string][] = [
  ['overview', '#/'],
  ['alarms', '#/alarms'],
  ['alarm', '#/alarms/ALARM'],
  ['events', '#/alarms/ALARM?tab=events'],
  ['explanation', '#/alarms/ALARM?tab=explanation'],
  ['directives', '#/directives'],
  ['directive', '#/directives/1101'],
  ['configuration', '#/configuration/directives_authentication.json'],
  ['notifications', '#/notifications'],
  ['system', '#/system'],
  ['users', '#/users'],
  ['tokens', '#/tokens'],
  ['audit', '#/audit'],
]
