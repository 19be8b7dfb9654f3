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

/** Go's words, by which the place is known and nothing of what is secret. */
function checkBase64(field: string, data: Readonly<Record<string, string>>, report: Report): void {
  for (const [key, value] of Object.entries(data)) {
    const text = value.replaceAll(/[\r\n]/g, '');
    if (base64Pattern.test(text)) continue;
    const stranger = text.search(/[^A-Za-z0-9+/]/);
    const at = stranger < 0 ? text.length - (text.length % 4) : stranger;
    report.error('INVALID_BASE64', `${field}[${key}]`, `illegal base64 data at input byte ${at}`, 'use stringData for plain text');
  }
}
