// `proxy-config bootstrap`: who a proxy is and what it started with. Pure.
import { at, type ConfigDump, textOf } from '../config-dump.ts';
import type { Selection } from './section.ts';

export function bootstrap(dump: ConfigDump): Selection {
  const node = at(dump.bootstrap, 'bootstrap', 'node');
  const version = at(node, 'user_agent_build_version', 'version');
  const numbers = ['major_number', 'minor_number', 'patch'].map((part) => textOf(at(version, part)) || '0');
  return {
    configs: dump.bootstrap === undefined ? [] : [dump.bootstrap],
    titles: ['NODE', 'CLUSTER', 'ISTIO VERSION', 'ENVOY VERSION'],
    rows: [
      [
        textOf(at(node, 'id')),
        textOf(at(node, 'cluster')),
        textOf(at(node, 'metadata', 'ISTIO_VERSION')) || '-',
        version === undefined ? '-' : numbers.join('.'),
      ],
    ],
  };
}
