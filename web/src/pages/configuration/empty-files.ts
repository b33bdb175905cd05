// What a new file begins with, by the beginning of its name.

function file(content: unknown): string {
  return `${JSON.stringify(content, null, 2)}\n`
}

const DIRECTIVE = {
  id: 9001,
  name: 'What is wrong with DST_IP from SRC_IP',
  priority: 3,
  kingdom: 'Reconnaissance & Probing',
  category: 'Misc Activity',
  rules: [
    {
      name: 'The first sign',
      stage: 1,
      type: 'PluginRule',
      plugin_id: 1001,
      plugin_sid: [1],
      from: 'ANY',
      to: 'HOME_NET',
      port_from: 'ANY',
      port_to: 'ANY',
      protocol: 'ANY',
      occurrence: 1,
      timeout: 0,
      reliability: 1,
    },
    {
      name: 'More of it',
      stage: 2,
      type: 'PluginRule',
      plugin_id: 1001,
      plugin_sid: [1],
      from: ':1',
      to: ':1',
      port_from: 'ANY',
      port_to: 'ANY',
      protocol: 'ANY',
      occurrence: 10,
      timeout: 600,
      reliability: 5,
    },
  ],
}

export const EMPTY_FILES: [string, string][] = [
  ['directives_', file({ directives: [DIRECTIVE] })],
  ['assets_', file({ assets: [{ name: 'Office', cidr: '192.168.0.0/16', value: 2 }] })],
  ['intel_', file({ intel_sources: [] })],
  ['vuln_', file({ vuln_sources: [] })],
]
