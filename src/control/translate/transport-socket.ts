// TLS transport sockets: of gateways' servers and of clusters, as Istio configures them.
import type { Server } from '#api/kinds/gateway';
import type { DataSource, TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { RawBuffer } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer';
import {
  type CertificateValidationContext,
  SubjectAltNameMatcher_SanType as SanType,
  type TlsParameters,
  TlsParameters_TlsProtocol as TlsProtocol,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/common';
import {
  type CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import { meshRoots, ownCertificate } from '#identity/secret-names';
import { pack, tlsSocket } from './message.ts';
import { type MeshClient, meshClientSocket } from './mutual-tls.ts';
import { authoritySecretName, certificateSecretName } from './secret.ts';
import { secretConfig } from './secret-config.ts';
import type { PortPolicy } from './traffic-policy.ts';

export type ServerTls = NonNullable<Server['tls']>;
export type ClientTls = NonNullable<PortPolicy['tls']>;

type Common = Parameters<typeof CommonTlsContext.fromPartial>[0];
type Validation = Parameters<typeof CertificateValidationContext.fromPartial>[0];

const package_ = 'envoy.extensions.transport_sockets.tls.v3';

/** `applicationProtocols`: what the listener offers by ALPN. */
export function serverTransportSocket(tls: ServerTls, applicationProtocols: readonly string[]): TransportSocket {
  const mutual = tls.mode === 'MUTUAL' || tls.mode === 'ISTIO_MUTUAL';
  return tlsSocket(
    pack(`${package_}.DownstreamTlsContext`, DownstreamTlsContext, {
      commonTlsContext: {
        ...serverCertificates(tls),
        ...(mutual || tls.mode === 'OPTIONAL_MUTUAL' ? clientValidation(tls) : {}),
        alpnProtocols: [...applicationProtocols],
        tlsParams: tlsParameters(tls),
      },
      requireClientCertificate: mutual,
    }),
  );
}

function serverCertificates(tls: ServerTls): Common {
  const names = tls.credentialNames ?? (tls.credentialName ? [tls.credentialName] : []);
  if (tls.mode === 'ISTIO_MUTUAL') return { tlsCertificateSdsSecretConfigs: [secretConfig(ownCertificate)] };
  if (names.length > 0) return { tlsCertificateSdsSecretConfigs: names.map((name) => secretConfig(certificateSecretName(name))) };
  const files = tls.tlsCertificates ?? [tls];
  return {
    tlsCertificates: files.map(({ serverCertificate = '', privateKey = '' }) => ({
      certificateChain: file(serverCertificate),
      privateKey: file(privateKey),
    })),
  };
}

function clientValidation(tls: ServerTls): Common {
  const own: Validation = {
    ...names(tls.subjectAltNames),
    verifyCertificateSpki: tls.verifyCertificateSpki ?? [],
    verifyCertificateHash: tls.verifyCertificateHash ?? [],
  };
  const credential = tls.caCertCredentialName ?? tls.credentialName ?? tls.credentialNames?.[0];
  const name = tls.mode === 'ISTIO_MUTUAL' ? meshRoots : credential && authoritySecretName(credential);
  if (name !== undefined && name !== '') return withAuthority(own, name);
  const ca = tls.caCertificates ?? tls.tlsCertificates?.[0]?.caCertificates;
  const value = { ...own, ...(ca && { trustedCa: file(ca) }), ...(tls.caCrl && { crl: file(tls.caCrl) }) };
  return { validationContextType: { $case: 'validationContext', value } };
}

function tlsParameters({ minProtocolVersion, maxProtocolVersion, cipherSuites, ecdhCurves }: ServerTls): Partial<TlsParameters> {
  return {
    tlsMinimumProtocolVersion: versions[minProtocolVersion ?? ''] ?? TlsProtocol.TLSv1_2,
    tlsMaximumProtocolVersion: versions[maxProtocolVersion ?? ''] ?? TlsProtocol.TLS_AUTO,
    cipherSuites: cipherSuites ?? [],
    ecdhCurves: ecdhCurves ?? [],
  };
}

const versions: Readonly<Record<string, TlsProtocol>> = {
  TLSV1_0: TlsProtocol.TLSv1_0,
  TLSV1_1: TlsProtocol.TLSv1_1,
  TLSV1_2: TlsProtocol.TLSv1_2,
  TLSV1_3: TlsProtocol.TLSv1_3,
};

export interface ClientTlsOptions {
  /** The service's: sent, and asked of its certificate, where the rule names none. */
  hostname: string;
  /** Of a service that says which names its certificates have; undefined: it does not. */
  subjectAltNames: readonly string[] | undefined;
  /** Where the rule names nobody, it is the request that says who has to answer. */
  namedByRequest: boolean;
  /** Empty: none is offered. */
  applicationProtocols: readonly string[];
  /** Where the rule asks for mutual TLS of the mesh. */
  mesh: MeshClient;
}

/** Undefined where connections are plain. */
export function clientTransportSocket(tls: ClientTls | undefined, options: ClientTlsOptions): TransportSocket | undefined {
  if (tls === undefined || (tls.mode ?? 'DISABLE') === 'DISABLE') return undefined;
  const { hostname, subjectAltNames, namedByRequest, applicationProtocols, mesh } = options;
  if (tls.mode === 'ISTIO_MUTUAL') {
    return meshClientSocket({
      ...mesh,
      serverName: tls.sni || mesh.serverName,
      subjectAltNames: tls.subjectAltNames ?? mesh.subjectAltNames,
    });
  }
  const ownName = hostname.includes('*') ? '' : hostname;
  return tlsSocket(
    pack(`${package_}.UpstreamTlsContext`, UpstreamTlsContext, {
      commonTlsContext: {
        ...clientCertificate(tls),
        ...serverValidation(
          { ...tls, subjectAltNames: tls.subjectAltNames ?? (subjectAltNames && [...subjectAltNames]) },
          namedByRequest ? '' : ownName,
        ),
        alpnProtocols: [...applicationProtocols],
      },
      sni: tls.sni || ownName,
    }),
  );
}

function clientCertificate(tls: ClientTls): Common {
  if (tls.mode !== 'MUTUAL') return {};
  if (tls.credentialName) return { tlsCertificateSdsSecretConfigs: [secretConfig(certificateSecretName(tls.credentialName))] };
  const { clientCertificate: chain = '', privateKey = '' } = tls;
  return { tlsCertificates: [{ certificateChain: file(chain), privateKey: file(privateKey) }] };
}

/** Nobody to be trusted is named: those that the system trusts are. With no name asked for, the certificate must carry the service's. */
function serverValidation(tls: ClientTls, ownName: string): Common {
  if (tls.insecureSkipVerify) return {};
  const wanted = tls.subjectAltNames ?? (tls.sni || ownName === '' ? [] : [ownName]);
  if (tls.credentialName) return withAuthority(names(wanted), authoritySecretName(tls.credentialName));
  const trusted: Validation =
    tls.caCertificates && tls.caCertificates !== 'system' ? { trustedCa: file(tls.caCertificates) } : { systemRootCerts: {} };
  const value = { ...trusted, ...names(wanted), ...(tls.caCrl && { crl: file(tls.caCrl) }) };
  return { validationContextType: { $case: 'validationContext', value } };
}

function withAuthority(defaultValidationContext: Validation, name: string): Common {
  const value = { defaultValidationContext, validationContextSdsSecretConfig: secretConfig(name) };
  return { validationContextType: { $case: 'combinedValidationContext', value } };
}

/** SPIFFE's names are URIs, the others are names of hosts. */
function names(subjectAltNames: readonly string[] | undefined): Validation {
  return {
    matchTypedSubjectAltNames: (subjectAltNames ?? []).map((name) => ({
      sanType: name.includes('://') ? SanType.URI : SanType.DNS,
      matcher: { matchPattern: { $case: 'exact', value: name } },
    })),
  };
}

function file(path: string): Partial<DataSource> {
  return { specifier: { $case: 'filename', value: path } };
}

export function plainTransportSocket(): TransportSocket {
  const value = pack('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', RawBuffer, {});
  return { name: 'envoy.transport_sockets.raw_buffer', configType: { $case: 'typedConfig', value } };
}
