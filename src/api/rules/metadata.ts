// What Kubernetes asks of every object's metadata.
import type { ApiObject, Kind } from '../kind.ts';
import { badName, isDns1035Label, isDnsLabel, isDnsSubdomain, isLabelKey, isLabelValue } from './names.ts';
import type { Report } from './report.ts';

const annotationBytesMax = 256 * 1024;

export function checkMetadata(kind: Kind, object: ApiObject, report: Report): void {
  const { name, namespace, labels = {}, annotations = {} } = object.metadata;
  checkName(kind, name, report);
  if (namespace !== undefined && !kind.namespaced) {
    report.error('NOT_NAMESPACED', 'metadata.namespace', `a ${kind.kind} belongs to no namespace`, 'leave the field out');
  } else if (namespace !== undefined && !isDnsLabel(namespace)) {
    report.error('INVALID_NAME', 'metadata.namespace', badName(namespace, 'dns1123Label'));
  }
  checkLabels('metadata.labels', labels, report);
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += key.length + value.length;
    if (!isLabelKey(key.toLowerCase())) report.error('INVALID_NAME', 'metadata.annotations', badName(key, 'qualifiedName'));
  }
  if (bytes > annotationBytesMax) {
    report.error('TOO_LARGE', 'metadata.annotations', `Too long: must have at most ${annotationBytesMax} bytes`);
  }
}

export function checkLabels(field: string, labels: Readonly<Record<string, string>>, report: Report): void {
  for (const [key, value] of Object.entries(labels)) {
    if (!isLabelKey(key)) report.error('INVALID_LABEL', field, badName(key, 'qualifiedName'));
    if (!isLabelValue(value)) report.error('INVALID_LABEL', field, badName(value, 'labelValue'));
  }
}

function checkName(kind: Kind, name: string, report: Report): void {
  const refuse = (rule: Parameters<typeof badName>[1]) => report.error('INVALID_NAME', 'metadata.name', badName(name, rule));
  if (kind.kind === 'Service' && !isDns1035Label(name)) refuse('dns1035Label');
  else if (kind.kind === 'Namespace' && !isDnsLabel(name)) refuse('dns1123Label');
  else if (!isDnsSubdomain(name)) refuse('dns1123Subdomain');
}
