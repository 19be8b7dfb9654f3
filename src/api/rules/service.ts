// What Kubernetes asks of a Service beyond its structure.
import type { Service } from '../kinds/service.ts';
import { checkLabels } from './metadata.ts';
import { isDnsLabel, isHostname } from './names.ts';
import type { Report } from './report.ts';

export function checkService({ spec }: Service, report: Report): void {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && spec.type !== 'ExternalName' && spec.clusterIP !== 'None') {
    report.error('MISSING_FIELD', 'spec.ports', 'at least one port is required');
  }
  if (spec.type === 'ExternalName' && !isHostname(spec.externalName ?? '')) {
    report.error('MISSING_FIELD', 'spec.externalName', 'type ExternalName requires the name of a host');
  }
  for (const [index, { name, targetPort }] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (name === undefined && ports.length > 1)
      report.error(
        'MISSING_FIELD',
        `${at}.name`,
        'each of several ports requires a name',
        'such as http-web: the part before "-" tells the protocol',
      );
    if (name !== undefined && !isDnsLabel(name))
      report.error('INVALID_NAME', `${at}.name`, `"${name}" is no name of a port`, 'use lower-case letters, digits and "-"');
    if (typeof targetPort === 'number' && (targetPort < 1 || targetPort > 65_535)) {
      report.error('OUT_OF_RANGE', `${at}.targetPort`, `must be between 1 and 65535, not ${targetPort}`);
    }
  }
  report.unique(
    'DUPLICATE_PORT',
    ports.flatMap(({ name, port, protocol = 'TCP' }, index) => [
      ...(name === undefined ? [] : [{ value: name, field: `spec.ports[${index}].name`, what: `name of a port "${name}"` }]),
      { value: `${port}/${protocol}`, field: `spec.ports[${index}].port`, what: `port ${port}/${protocol}` },
    ]),
  );
  checkLabels('spec.selector', spec.selector ?? {}, report);
}
