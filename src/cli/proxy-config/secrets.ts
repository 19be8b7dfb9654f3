// `proxy-config secret`: the certificates that a proxy holds, and until when they are good. Private keys are never shown. Pure.
import { X509Certificate } from 'node:crypto';
import { withoutSecrets } from '#xds/config-dump';
import { at, type ConfigDump, textOf } from '../config-dump.ts';
import type { Filters, Selection } from './section.ts';

export function secrets(dump: ConfigDump, _: Filters, nowMs: number): Selection {
  const found = dump.resources('secret');
  return {
    configs: found.map(({ config }) => withoutSecrets(config)),
    titles: ['RESOURCE NAME', 'TYPE', 'STATUS', 'VALID CERT', 'SERIAL NUMBER', 'NOT AFTER', 'NOT BEFORE'],
    rows: found.map(({ name, state, config }) => {
      const chain = at(config, 'tls_certificate', 'certificate_chain');
      const trusted = at(config, 'validation_context', 'trusted_ca');
      const type = chain !== undefined ? 'Cert Chain' : trusted !== undefined ? 'CA' : 'UNKNOWN';
      return [name, type, state, ...certificateCells(chain ?? trusted, nowMs)];
    }),
  };
}

function certificateCells(source: unknown, nowMs: number): string[] {
  const inline = textOf(at(source, 'inline_bytes'));
  const pem = inline ? Buffer.from(inline, 'base64') : textOf(at(source, 'inline_string'));
  try {
    const { validFrom, validTo, serialNumber } = new X509Certificate(pem);
    const [notBefore, notAfter] = [Date.parse(validFrom), Date.parse(validTo)];
    const valid = notBefore <= nowMs && nowMs < notAfter;
    const time = (ms: number) => new Date(ms).toISOString().replace('.000', '');
    return [`${valid}`, serialNumber.toLowerCase(), time(notAfter), time(notBefore)];
  } catch {
    return ['false', '', '', '']; // there is none, or a file that only the proxy can read
  }
}
