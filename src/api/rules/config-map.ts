// What Kubernetes asks of the data of ConfigMaps and Secrets, and how it says so.
import type { ConfigMap } from '../kinds/config-map.ts';
import type { Secret } from '../kinds/secret.ts';
import type { Report } from './report.ts';

const keyPattern = /^[-._a-zA-Z0-9]{1,253}$/;
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function checkConfigMap({ data = {}, binaryData = {} }: ConfigMap, report: Report): void {
  checkKeys('data', data, report);
  checkKeys('binaryData', binaryData, report);
  checkBase64('binaryData', binaryData, report);
}

export function checkSecret({ data = {}, stringData = {} }: Secret, report: Report): void {
  checkKeys('data', data, report);
  checkKeys('stringData', stringData, report);
  checkBase64('data', data, report);
}

function checkKeys(field: string, data: Readonly<Record<string, string>>, report: Report): void {
  for (const key of Object.keys(data)) {
    if (keyPattern.test(key)) continue;
    const message = `Invalid value: "${key}": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`;
    report.error('INVALID_NAME', `${field}[${key}]`, message);
  }
}

/** Secrets never reach a message. */
function checkBase64(field: string, data: Readonly<Record<string, string>>, report: Report): void {
  for (const [key, value] of Object.entries(data)) {
    if (!base64Pattern.test(value.replaceAll(/\s/g, '')))
      report.error('INVALID_VALUE', `${field}[${key}]`, 'illegal base64 data', 'use stringData for plain text');
  }
}
