// What Istio asks of a ServiceEntry, and of the workloads in it or in a WorkloadEntry, beyond their structure.
import type { ServiceEntry } from '../kinds/service-entry.ts';
import type { Workload, WorkloadEntry } from '../kinds/workload-entry.ts';
import { isHttp, isTls } from '../protocol.ts';
import { checkExportTo } from './export-to.ts';
import { checkProtocol } from './gateway.ts';
import { checkLabels } from './metadata.ts';
import { isAddress, isAddressRange, isHostname, isName, isPartialWildcard, isWildcardHost } from './names.ts';
import { warnOfEmptySelector } from './policy-target.ts';
import type { Report } from './report.ts';

export function checkServiceEntry({ spec, metadata }: ServiceEntry, report: Report): void {
  for (const [index, host] of spec.hosts.entries()) {
    if (isPartialWildcard(host)) {
      report.warning('INVALID_HOST', `spec.hosts[${index}]`, `"${host}" is a wildcard inside of a label`, 'write *.example.com');
    }
    if (!isWildcardHost(host)) {
      report.error(
        'INVALID_HOST',
        `spec.hosts[${index}]`,
        `"${host}" is no host that an entry may claim`,
        'name it, or write *.example.com',
      );
    }
  }
  for (const [index, address] of (spec.addresses ?? []).entries()) {
    if (!isAddressRange(address))
      report.error('INVALID_ADDRESS', `spec.addresses[${index}]`, `"${address}" is neither an IP address nor a CIDR range`);
  }
  checkPorts(spec.ports ?? [], report);
  for (const [index, endpoint] of (spec.endpoints ?? []).entries()) checkEndpoint(spec, endpoint, `spec.endpoints[${index}]`, report);
  checkResolution(spec, report);
  checkSelection(spec, report);
  checkExportTo(spec.exportTo, metadata.namespace ?? '', { nobody: true }, report);
}

export function checkWorkloadEntry({ spec }: WorkloadEntry, report: Report): void {
  checkWorkload(spec, 'spec', report);
}

type Spec = ServiceEntry['spec'];

function checkPorts(ports: NonNullable<Spec['ports']>, report: Report): void {
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (!isName(port.name))
      report.error('INVALID_NAME', `${at}.name`, `"${port.name}" is no name of a port`, 'use letters, digits and "-"');
    if (port.protocol) checkProtocol(port.protocol, `${at}.protocol`, report);
  }
  report.unique(
    'DUPLICATE_PORT',
    ports.flatMap(({ name, number }, index) => [
      { value: name, field: `spec.ports[${index}].name`, what: `name of a port "${name}"` },
      { value: `#${number}`, field: `spec.ports[${index}].number`, what: `port ${number}` },
    ]),
  );
}

function checkResolution(spec: Spec, report: Report): void {
  const { resolution = 'NONE', hosts, endpoints = [], ports = [] } = spec;
  if (resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN') {
    const wildcard = hosts.findIndex((host) => !isHostname(host));
    if (wildcard >= 0 && endpoints.length === 0) {
      report.error(
        'INVALID_HOST',
        `spec.hosts[${wildcard}]`,
        `"${hosts[wildcard]}" cannot be resolved by DNS`,
        'name the hosts, or give endpoints',
      );
    }
  }
  const plain = ports.findIndex(({ protocol }) => !isHttp(protocol) && !isTls(protocol));
  if (resolution !== 'NONE' && hosts.length > 1 && plain >= 0) {
    const hint = 'make one entry for each host, or set protocol HTTP or TLS';
    report.error('CONFLICTING_FIELDS', `spec.ports[${plain}]`, 'several hosts cannot be told apart on a TCP port', hint);
  }
  if (resolution === 'DYNAMIC_DNS') checkDynamicDns(spec, report);
}

function checkSelection({ resolution = 'NONE', workloadSelector }: Spec, report: Report): void {
  if (!workloadSelector) return;
  const labels = workloadSelector.labels ?? {};
  warnOfEmptySelector(labels, 'spec.workloadSelector', report);
  for (const key of Object.keys(labels)) {
    if (key === '' || key.includes('*')) report.error('INVALID_LABEL', 'spec.workloadSelector.labels', `"${key}" is no key of a label`);
  }
  if (resolution === 'NONE')
    report.warning('NO_EFFECT', 'spec.workloadSelector', 'selects nothing with resolution NONE', 'set resolution STATIC');
}

function checkDynamicDns({ hosts, endpoints = [], ports = [] }: Spec, report: Report): void {
  if (endpoints.length > 0) report.error('CONFLICTING_FIELDS', 'spec.endpoints', 'resolution DYNAMIC_DNS takes no endpoints');
  const named = hosts.findIndex((host) => !host.startsWith('*'));
  if (named >= 0)
    report.error('INVALID_HOST', `spec.hosts[${named}]`, 'resolution DYNAMIC_DNS is for wildcard hosts', 'set resolution DNS');
  for (const [index, { protocol = '' }] of ports.entries()) {
    if (!/^(http|http2|grpc|https|tls)$/i.test(protocol)) {
      report.error(
        'UNSUPPORTED',
        `spec.ports[${index}].protocol`,
        `resolution DYNAMIC_DNS does not work with protocol ${protocol || 'TCP'}`,
      );
    }
  }
}

function checkEndpoint(spec: Spec, endpoint: Workload, at: string, report: Report): void {
  checkWorkload(endpoint, at, report);
  const names = new Set((spec.ports ?? []).map((port) => port.name));
  const { address = '', ports = {} } = endpoint;
  for (const name of Object.keys(ports)) {
    if (!names.has(name))
      report.error(
        'UNKNOWN_PORT',
        `${at}.ports.${name}`,
        `spec.ports has no port named "${name}"`,
        `it has ${[...names].join(', ') || 'none'}`,
      );
  }
  const unix = address.startsWith('unix://');
  if (unix && (spec.ports ?? []).length > 1) report.error('CONFLICTING_FIELDS', `${at}.address`, 'a unix socket serves one port only');
  if (unix && spec.resolution !== 'STATIC') report.error('CONFLICTING_FIELDS', `${at}.address`, 'a unix socket requires resolution STATIC');
  if (!unix && address !== '' && spec.resolution === 'STATIC' && !isAddress(address)) {
    report.error('INVALID_ADDRESS', `${at}.address`, `"${address}" is no IP address`, 'set resolution DNS for names');
  }
  if (address === '' && spec.resolution?.startsWith('DNS')) {
    report.error('MISSING_FIELD', `${at}.address`, `resolution ${spec.resolution} requires the name of a host or an address`);
  }
}

function checkWorkload(workload: Workload, at: string, report: Report): void {
  const { address = '', network = '', ports = {}, labels = {} } = workload;
  const unix = address.startsWith('unix://');
  if (address === '' && network === '') report.error('MISSING_FIELD', `${at}.address`, 'one of address, network is required');
  if (address === '' && network !== '') {
    report.warning('MISSING_FIELD', `${at}.address`, `without an address it is reached through the gateways of network "${network}"`);
  }
  if (address !== '' && !unix && !isAddress(address) && !isHostname(address)) {
    report.error('INVALID_ADDRESS', `${at}.address`, `"${address}" is neither an IP address nor a name of a host`);
  }
  for (const name of Object.keys(ports)) {
    if (!isName(name)) report.error('INVALID_NAME', `${at}.ports`, `"${name}" is no name of a port`);
  }
  checkLabels(`${at}.labels`, labels, report);
}
