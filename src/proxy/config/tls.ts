// TLS as the data plane runs it: what a transport socket of a filter chain or a cluster asks for, and the secrets that it names.
// Decoded by decode-tls.ts; turned into Node's contexts by tls/.
import type { StringTest } from '#proxy/route/string-matcher';

/** PEM text or a file that holds it; Envoy's DataSource. */
export type DataSource = { readonly kind: 'inline'; readonly bytes: Buffer } | { readonly kind: 'file'; readonly path: string };

export interface TlsCertificate {
  readonly chain: DataSource;
  readonly key: DataSource;
  readonly password: DataSource | undefined;
  /** DER of an OCSP response to hand out with the certificate. */
  readonly ocspStaple: DataSource | undefined;
}

export interface TlsValidation {
  /** Undefined: the chain of a peer's certificate is not checked. */
  readonly trustedCa: DataSource | 'system' | undefined;
  readonly crl: DataSource | undefined;
  /** One of them must match, when there are any. */
  readonly subjectAltNames: readonly SubjectAltNameTest[];
  /** Hex SHA-256 of the certificate, lower case without colons; one must match, when there are any. */
  readonly certificateHashes: readonly string[];
  /** Base64 SHA-256 of the certificate's public key; one must match, when there are any. */
  readonly publicKeyHashes: readonly string[];
  readonly allowExpired: boolean;
  readonly acceptUntrusted: boolean;
}

export interface SubjectAltNameTest {
  readonly type: 'DNS' | 'URI' | 'IP Address' | 'email';
  readonly test: StringTest;
}

/** What SDS gives under a name. */
export type TlsSecret =
  | { readonly kind: 'certificate'; readonly certificate: TlsCertificate }
  | { readonly kind: 'validation'; readonly validation: TlsValidation };

interface TlsSettings {
  /** Given with the transport socket. */
  readonly certificates: readonly TlsCertificate[];
  /** Names of secrets. */
  readonly certificateSecrets: readonly string[];
  readonly validation: TlsValidation | undefined;
  /** A secret whose trusted CA, or whole validation, stands beside or in for `validation`. */
  readonly validationSecret: string | undefined;
  /** In order of preference. */
  readonly applicationProtocols: readonly string[];
  readonly versionMin: TlsVersion;
  readonly versionMax: TlsVersion;
  /** OpenSSL's names, joined by colons; empty: Node's own choice. */
  readonly ciphers: string;
  readonly curves: string;
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export interface DownstreamTlsConfig extends TlsSettings {
  readonly requireClientCertificate: boolean;
  readonly requireServerName: boolean;
  readonly sessionTickets: boolean;
  /** Seconds; 0: OpenSSL's default. */
  readonly sessionTimeoutSeconds: number;
}

export interface UpstreamTlsConfig extends TlsSettings {
  /** Empty: none is sent. */
  readonly serverName: string;
}

export type TlsConfig = DownstreamTlsConfig | UpstreamTlsConfig;

/** Every secret that a configuration names. */
export function secretNames({ certificateSecrets, validationSecret }: TlsConfig): string[] {
  return validationSecret === undefined ? [...certificateSecrets] : [...certificateSecrets, validationSecret];
}
