// `/certs`: the certificates that this proxy serves with and trusts, from SDS and from configuration, in Envoy's shape. Never a key.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { DataSource, TlsCertificate, TlsValidation } from '#proxy/config/tls';

const dayMs = 86_400_000;

export interface HeldCertificates {
  readonly certificates: Iterable<TlsCertificate>;
  readonly validations: Iterable<TlsValidation>;
}

export function describeCertificates({ certificates, validations }: HeldCertificates, wallMs: number): object {
  const chains = [...certificates].map(({ chain }) => ({ ca_cert: [], cert_chain: describe(chain, wallMs) }));
  const trusted = [...validations].flatMap(({ trustedCa }) =>
    trustedCa === undefined || trustedCa === 'system' ? [] : [{ ca_cert: describe(trustedCa, wallMs), cert_chain: [] }],
  );
  return { certificates: [...trusted, ...chains] };
}

function describe(source: DataSource, wallMs: number): object[] {
  const path = source.kind === 'file' ? source.path : '<inline>';
  try {
    const pem = (source.kind === 'file' ? readFileSync(source.path) : source.bytes).toString();
    return (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map((one) =>
      details(new X509Certificate(one), path, wallMs),
    );
  } catch (thrown) {
    return [{ path, error: thrown instanceof Error ? thrown.message : String(thrown) }];
  }
}

function details(certificate: X509Certificate, path: string, wallMs: number): object {
  const expiresMs = Date.parse(certificate.validTo);
  return {
    path,
    serial_number: certificate.serialNumber.toLowerCase(),
    subject_alt_names: (certificate.subjectAltName ?? '').split(', ').flatMap((name): object[] => {
      if (name.startsWith('DNS:')) return [{ dns: name.slice(4) }];
      if (name.startsWith('URI:')) return [{ uri: name.slice(4) }];
      return name.startsWith('IP Address:') ? [{ ip_address: name.slice(11) }] : [];
    }),
    days_until_expiration: String(Math.max(0, Math.floor((expiresMs - wallMs) / dayMs))),
    valid_from: new Date(certificate.validFrom).toISOString(),
    expiration_time: new Date(certificate.validTo).toISOString(),
  };
}
