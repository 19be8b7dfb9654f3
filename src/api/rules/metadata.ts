// What Kubernetes asks of every object's metadata.
import { fieldPath } from '../field-path.ts';
import type { ApiObject, Kind } from '../kind.ts';
import { isDns1035Label, isDnsLabel, isDnsSubdomain, isLabelKey, isLabelValue } from './names.ts';
import type { Report } from './report.ts';

const annotationBytesMax = 256 * 1024;

export function checkMetadata(kind: Kind, object: ApiObject, report: Report): void {
  const { name, namespace, labels = {}, annotations = {} } = object.metadata;
  checkName(kind, name, report);
  if (namespace !== undefined && !kind.namespaced) {
    report.error('NOT_NAMESPACED', 'metadata.namespace', `a ${kind.kind} belongs to no namespace`, 'leave the field out');
  } else if (namespace !== undefined && !isDnsLabel(namespace)) {
    report.error(
      'INVALID_NAME',
      'metadata.namespace',
      `"${namespace}" is no namespace`,
      'use lower-case letters, digits and "-", at most 63',
    );
  }
  checkLabels('metadata.labels', labels, report);
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += key.length + value.length;
    if (!isLabelKey(key.toLowerCase()))
      report.error('INVALID_NAME', fieldPath(['metadata', 'annotations', key]), `"${key}" is no key of annotations`);
  }
  if (bytes > annotationBytesMax) {
    report.error('TOO_LARGE', 'metadata.annotations', `annotations take ${bytes} bytes; ${annotationBytesMax} are allowed`);
  }
}

export function checkLabels(field: string, labels: Readonly<Record<string, string>>, report: Report): void {
  for (const [key, value] of Object.entries(labels)) {
    const place = `${field}${key === '' ? '' : fieldPath(['_', key]).slice(1)}`;
    if (!isLabelKey(key))
      report.error('INVALID_LABEL', place, `"${key}" is no key of a label`, 'write [prefix/]name, the name at most 63 characters');
    if (!isLabelValue(value)) {
      report.error('INVALID_LABEL', place, `"${value}" is no value of a label`, 'use at most 63 letters, digits, "-", "_" and "."');
    }
  }
}

function checkName(kind: Kind, name: string, report: Report): void {
  if (kind.kind === 'Service' && !isDns1035Label(name)) {
    report.error(
      'INVALID_NAME',
      'metadata.name',
      `"${name}" is no name of a Service`,
      'begin with a letter; lower-case letters, digits and "-", at most 63',
    );
  } else if (kind.kind === 'Namespace' && !isDnsLabel(name)) {
    report.error('INVALID_NAME', 'metadata.name', `"${name}" is no namespace`, 'use lower-case letters, digits and "-", at most 63');
  } else if (!isDnsSubdomain(name)) {
    report.error(
      'INVALID_NAME',
      'metadata.name',
      `"${name}" is no name of an object`,
      'use lower-case letters, digits, "-" and ".", at most 253',
    );
  }
}
