// TLS of filter chains and clusters in tests, as decode-tls.ts would have made it.
import type { DownstreamTlsConfig, TlsValidation, UpstreamTlsConfig } from '#proxy/config/tls';
import type { IssuedCertificate, TestAuthority } from '../certificates.ts';

export const inline = (text: string) => ({ kind: 'inline', bytes: Buffer.from(text) }) as const;

export const certificateOf = ({ certificate, key }: IssuedCertificate) => ({
  chain: inline(certificate),
  key: inline(key),
  password: undefined,
  ocspStaple: undefined,
});

const settings = {
  certificates: [],
  certificateSecrets: [],
  validation: undefined,
  validationSecret: undefined,
  applicationProtocols: [],
  versionMin: 'TLSv1.2',
  versionMax: 'TLSv1.3',
  ciphers: '',
  curves: '',
} as const;

/** Whom the authority signed is trusted. */
export function trusting(authority: TestAuthority, changes: Partial<TlsValidation> = {}): TlsValidation {
  return {
    trustedCa: inline(authority.certificate),
    crl: undefined,
    subjectAltNames: [],
    certificateHashes: [],
    publicKeyHashes: [],
    allowExpired: false,
    acceptUntrusted: false,
    ...changes,
  };
}

export function serverTls(own: IssuedCertificate, changes: Partial<DownstreamTlsConfig> = {}): DownstreamTlsConfig {
  return {
    ...settings,
    certificates: [certificateOf(own)],
    requireClientCertificate: false,
    requireServerName: false,
    sessionTickets: true,
    sessionTimeoutSeconds: 0,
    ...changes,
  };
}

export function clientTls(changes: Partial<UpstreamTlsConfig> = {}): UpstreamTlsConfig {
  return { ...settings, serverName: 'bookinfo.test', ...changes };
}
