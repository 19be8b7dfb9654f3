// Envoy's TLS transport sockets and Secrets -> tls.ts.
import type { DataSource as EnvoyDataSource, TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import {
  type CertificateValidationContext,
  type TlsCertificate as EnvoyTlsCertificate,
  SubjectAltNameMatcher_SanType as SanType,
  type SubjectAltNameMatcher,
  type TlsParameters,
  TlsParameters_TlsProtocol as TlsProtocol,
  CertificateValidationContext_TrustChainVerification as TrustChainVerification,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/common';
import type { SdsSecretConfig, Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import {
  type CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { type StringTest, stringTest } from '#proxy/route/string-matcher';
import { decodeStringMatcher } from './decode-matcher.ts';
import { type Findings, messageName, milliseconds } from './findings.ts';
import type {
  DataSource,
  DownstreamTlsConfig,
  SubjectAltNameTest,
  TlsCertificate,
  TlsConfig,
  TlsSecret,
  TlsValidation,
  TlsVersion,
  UpstreamTlsConfig,
} from './tls.ts';

const messages = {
  downstream: 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
  upstream: 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  plain: 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer',
} as const;

/** Of a filter chain; undefined for a plain one. */
export function decodeDownstreamTls(
  socket: TransportSocket | undefined,
  field: string,
  findings: Findings,
): DownstreamTlsConfig | undefined {
  const any = tlsMessage(socket, messages.downstream, field, findings);
  if (any === undefined) return undefined;
  const context = DownstreamTlsContext.decode(any.value);
  const settings = decodeCommon(context.commonTlsContext, field, findings);
  if (settings.certificates.length + settings.certificateSecrets.length === 0) {
    findings.report(`${field}.common_tls_context`, 'has no certificate');
  }
  const keys = context.sessionTicketKeysType;
  if (keys !== undefined && keys.$case !== 'disableStatelessSessionResumption') {
    findings.report(`${field}.session_ticket_keys`, 'is not supported');
  }
  return {
    ...settings,
    versionMin: versionOf(context.commonTlsContext?.tlsParams?.tlsMinimumProtocolVersion, 'TLSv1.2'),
    requireClientCertificate: context.requireClientCertificate ?? false,
    requireServerName: context.requireSni ?? false,
    sessionTickets: !(keys?.$case === 'disableStatelessSessionResumption' && keys.value),
    sessionTimeoutSeconds: Math.floor(milliseconds(context.sessionTimeout, 0) / 1000),
  };
}

/** Of a cluster; undefined for a plain one. */
export function decodeUpstreamTls(socket: TransportSocket | undefined, field: string, findings: Findings): UpstreamTlsConfig | undefined {
  const any = tlsMessage(socket, messages.upstream, field, findings);
  if (any === undefined) return undefined;
  const context = UpstreamTlsContext.decode(any.value);
  return { ...decodeCommon(context.commonTlsContext, field, findings), serverName: context.sni };
}

/** What a Secret holds, for `SecretStore`. */
export function decodeSecret(secret: Secret, findings: Findings): TlsSecret | undefined {
  switch (secret.type?.$case) {
    case 'tlsCertificate': {
      const certificate = decodeCertificate(secret.type.value, 'tls_certificate', findings);
      return certificate && { kind: 'certificate', certificate };
    }
    case 'validationContext':
      return { kind: 'validation', validation: decodeValidation(secret.type.value, 'validation_context', findings) };
    default:
      findings.report('type', `${secret.type?.$case ?? 'nothing'} is not supported`);
      return undefined;
  }
}

function tlsMessage(socket: TransportSocket | undefined, wanted: string, field: string, findings: Findings): Any | undefined {
  if (socket === undefined) return undefined;
  const any = socket.configType?.$case === 'typedConfig' ? socket.configType.value : undefined;
  if (any === undefined) {
    if (!socket.name.endsWith('raw_buffer')) findings.report(field, `${socket.name} has no typed_config`);
    return undefined;
  }
  const name = messageName(any);
  if (name === wanted) return any;
  if (name !== messages.plain) findings.report(field, `${socket.name} (${any.typeUrl}) is not supported`);
  return undefined;
}

function decodeCommon(common: CommonTlsContext | undefined, field: string, findings: Findings): TlsConfig & { serverName: string } {
  const at = `${field}.common_tls_context`;
  for (const unsupported of ['tlsCertificateProviderInstance', 'customHandshaker'] as const) {
    if (common?.[unsupported] !== undefined) findings.report(at, `${unsupported} is not supported`);
  }
  const { validation, validationSecret } = decodeValidationType(common, at, findings);
  const params = common?.tlsParams;
  return {
    serverName: '',
    certificates: (common?.tlsCertificates ?? []).flatMap((certificate, i) => {
      return decodeCertificate(certificate, `${at}.tls_certificates[${i}]`, findings) ?? [];
    }),
    certificateSecrets: (common?.tlsCertificateSdsSecretConfigs ?? []).map((config, i) => {
      return secretName(config, `${at}.tls_certificate_sds_secret_configs[${i}]`, findings);
    }),
    validation,
    validationSecret,
    applicationProtocols: common?.alpnProtocols ?? [],
    versionMin: versionOf(params?.tlsMinimumProtocolVersion, 'TLSv1.2'),
    versionMax: versionOf(params?.tlsMaximumProtocolVersion, 'TLSv1.3'),
    ciphers: decodeCiphers(params),
    curves: (params?.ecdhCurves ?? []).join(':'),
  };
}

function decodeValidationType(
  common: CommonTlsContext | undefined,
  field: string,
  findings: Findings,
): { validation: TlsValidation | undefined; validationSecret: string | undefined } {
  const type = common?.validationContextType;
  switch (type?.$case) {
    case undefined:
      return { validation: undefined, validationSecret: undefined };
    case 'validationContext':
      return { validation: decodeValidation(type.value, `${field}.validation_context`, findings), validationSecret: undefined };
    case 'validationContextSdsSecretConfig':
      return { validation: undefined, validationSecret: secretName(type.value, field, findings) };
    case 'combinedValidationContext': {
      const { defaultValidationContext, validationContextSdsSecretConfig } = type.value;
      const at = `${field}.combined_validation_context`;
      return {
        validation: defaultValidationContext && decodeValidation(defaultValidationContext, at, findings),
        validationSecret: validationContextSdsSecretConfig && secretName(validationContextSdsSecretConfig, at, findings),
      };
    }
    default:
      findings.report(field, `${type?.$case} is not supported`);
      return { validation: undefined, validationSecret: undefined };
  }
}

/** Istio's proxies ask the agent beside them for some secrets; ours come by ADS like everything else. */
function secretName({ name }: SdsSecretConfig, field: string, findings: Findings): string {
  if (name === '') findings.report(field, 'names no secret');
  return name;
}

function decodeCertificate(certificate: EnvoyTlsCertificate, field: string, findings: Findings): TlsCertificate | undefined {
  const { certificateChain, privateKey, password, ocspStaple } = certificate;
  if (certificate.pkcs12 !== undefined) findings.report(`${field}.pkcs12`, 'is not supported');
  if (certificate.privateKeyProvider !== undefined) findings.report(`${field}.private_key_provider`, 'is not supported');
  const chain = decodeSource(certificateChain, `${field}.certificate_chain`, findings);
  const key = decodeSource(privateKey, `${field}.private_key`, findings);
  if (chain === undefined || key === undefined) {
    findings.report(field, 'needs certificate_chain and private_key');
    return undefined;
  }
  return {
    chain,
    key,
    password: decodeSource(password, `${field}.password`, findings),
    ocspStaple: decodeSource(ocspStaple, `${field}.ocsp_staple`, findings),
  };
}

function decodeValidation(context: CertificateValidationContext, field: string, findings: Findings): TlsValidation {
  if (context.customValidatorConfig !== undefined) findings.report(`${field}.custom_validator_config`, 'is not supported');
  return {
    trustedCa: context.systemRootCerts !== undefined ? 'system' : decodeSource(context.trustedCa, `${field}.trusted_ca`, findings),
    crl: decodeSource(context.crl, `${field}.crl`, findings),
    subjectAltNames: [
      ...context.matchTypedSubjectAltNames.flatMap((matcher, i) => {
        return decodeSubjectAltName(matcher, `${field}.match_typed_subject_alt_names[${i}]`, findings);
      }),
      ...context.matchSubjectAltNames.flatMap((matcher, i): SubjectAltNameTest[] => {
        const test = decodeStringMatcher(matcher, `${field}.match_subject_alt_names[${i}]`, findings);
        return (['DNS', 'URI', 'IP Address', 'email'] as const).map((type) => ({ type, test }));
      }),
    ],
    certificateHashes: context.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase()),
    publicKeyHashes: context.verifyCertificateSpki,
    allowExpired: context.allowExpiredCertificate,
    acceptUntrusted: context.trustChainVerification === TrustChainVerification.ACCEPT_UNTRUSTED,
  };
}

const sanTypes: Readonly<Record<number, SubjectAltNameTest['type']>> = {
  [SanType.DNS]: 'DNS',
  [SanType.URI]: 'URI',
  [SanType.IP_ADDRESS]: 'IP Address',
  [SanType.EMAIL]: 'email',
};

function decodeSubjectAltName({ sanType, matcher }: SubjectAltNameMatcher, field: string, findings: Findings): SubjectAltNameTest[] {
  const type = sanTypes[sanType];
  if (type === undefined || matcher === undefined) {
    findings.report(field, type === undefined ? `type ${sanType} is not supported` : 'has no matcher');
    return [];
  }
  const { matchPattern } = matcher;
  // Of a certificate for `*.example.com` an exact `a.example.com` is content with: Envoy's rule for names of hosts.
  const test =
    type === 'DNS' && matchPattern?.$case === 'exact' ? hostNameTest(matchPattern.value) : decodeStringMatcher(matcher, field, findings);
  return [{ type, test }];
}

function hostNameTest(name: string): StringTest {
  const wanted = name.toLowerCase();
  return stringTest(`exactly "${name}"`, (value) => {
    const given = value.toLowerCase();
    return given === wanted || (given.startsWith('*.') && wanted.slice(wanted.indexOf('.')) === given.slice(1));
  });
}

function decodeSource(source: EnvoyDataSource | undefined, field: string, findings: Findings): DataSource | undefined {
  const specifier = source?.specifier;
  switch (specifier?.$case) {
    case undefined:
      return undefined;
    case 'inlineBytes':
      return { kind: 'inline', bytes: specifier.value };
    case 'inlineString':
      return { kind: 'inline', bytes: Buffer.from(specifier.value) };
    case 'filename':
      return { kind: 'file', path: specifier.value };
    default:
      findings.report(field, `${specifier?.$case} is not supported`);
      return undefined;
  }
}

const versions: Readonly<Record<number, TlsVersion>> = {
  [TlsProtocol.TLSv1_0]: 'TLSv1',
  [TlsProtocol.TLSv1_1]: 'TLSv1.1',
  [TlsProtocol.TLSv1_2]: 'TLSv1.2',
  [TlsProtocol.TLSv1_3]: 'TLSv1.3',
};

function versionOf(version: TlsProtocol | undefined, otherwise: TlsVersion): TlsVersion {
  return versions[version ?? TlsProtocol.TLS_AUTO] ?? otherwise;
}

/** BoringSSL's groups of equal preference, `[a|b]`, are a list in order to OpenSSL. TLS 1.3's suites are not for choice in Envoy. */
function decodeCiphers(params: TlsParameters | undefined): string {
  const suites = (params?.cipherSuites ?? []).flatMap((suite) => suite.replace(/^\[|\]$/g, '').split('|'));
  return suites.length === 0 ? '' : [...tls13Suites, ...suites].join(':');
}

const tls13Suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
