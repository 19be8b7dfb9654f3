// What Kubernetes asks of a Service beyond its structure, and how it says so.
import type { Service } from '../kinds/service.ts';
import { checkLabels } from './metadata.ts';
import { badName, isDnsLabel, isHostname } from './names.ts';
import type { Report } from './report.ts';

export function checkService({ spec }: Service, report: Report): void {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && spec.type !== 'ExternalName' && spec.clusterIP !== 'None') {
    report.error('MISSING_FIELD', 'spec.ports', 'Required value');
  }
  if (spec.type === 'ExternalName' && !isHostname(spec.externalName ?? '')) {
    report.error('MISSING_FIELD', 'spec.externalName', 'type ExternalName requires the name of a host');
  }
  for (const [index, { name, targetPort }] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (name === undefined && ports.length > 1)
      report.error('MISSING_FIELD', `${at}.name`, 'Required value', 'such as http-web: the part before "-" tells the protocol');
    if (name !== undefined && !isDnsLabel(name)) report.error('INVALID_NAME', `${at}.name`, badName(name, 'dns1123Label'));
    if (typeof targetPort === 'number' && (targetPort < 1 || targetPort > 65_535)) {
      report.error('OUT_OF_RANGE', `${at}.targetPort`, `Invalid value: ${targetPort}: must be between 1 and 65535, inclusive`);
    }
  }
  const names = new Set<string>();
  const numbers = new Set<string>();
  for (const [index, { name, port, protocol = 'TCP' }] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const number = JSON.stringify({ protocol, port });
    if (name !== undefined && names.has(name)) report.error('DUPLICATE_PORT', `${at}.name`, `Duplicate value: ${JSON.stringify(name)}`);
    if (numbers.has(number)) report.error('DUPLICATE_PORT', at, `Duplicate value: ${number}`);
    if (name !== undefined) names.add(name);
    numbers.add(number);
  }
  checkLabels('spec.selector', spec.selector ?? {}, report);
}
