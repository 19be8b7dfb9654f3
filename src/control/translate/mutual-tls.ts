// Mutual TLS between workloads, with the certificates of the mesh: what Istio's `ISTIO_MUTUAL` means, on either side.
import type { TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { SubjectAltNameMatcher_SanType as SanType } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/common';
import { DownstreamTlsContext, UpstreamTlsContext } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import { meshRoots, ownCertificate } from '#identity/secret-names';
import type { OutboundClusterName } from './cluster-name.ts';
import { pack, tlsSocket } from './message.ts';
import { secretConfig } from './secret-config.ts';

/** What the client speaks inside. Where that is what its own client speaks, it is `tcp`, and HTTP says so by the filter `istio.alpn`. */
export type InnerProtocol = 'http1' | 'http2' | 'tcp';

/** What Istio's proxies offer by ALPN, so that servers tell the mesh's TLS from a program's own. */
export const offered: Readonly<Record<InnerProtocol, readonly string[]>> = {
  http1: ['istio-http/1.1', 'istio', 'http/1.1'],
  http2: ['istio-h2', 'istio', 'h2'],
  tcp: ['istio-peer-exchange', 'istio'],
};

export const meshHttpProtocols: readonly string[] = ['istio-http/1.0', 'istio-http/1.1', 'istio-h2'];
export const meshTcpProtocols: readonly string[] = ['istio-peer-exchange', 'istio'];
export const meshProtocols: readonly string[] = [...meshHttpProtocols, ...meshTcpProtocols];

const taken = { http: ['h2', 'http/1.1', 'istio'], tcp: ['istio-peer-exchange', 'istio'] } as const;

const package_ = 'envoy.extensions.transport_sockets.tls.v3';

export interface MeshClient {
  inner: InnerProtocol;
  serverName: string;
  /** Exact names that the server's certificate may carry: of the service's accounts; none: any workload's of `prefixes`. */
  subjectAltNames: readonly string[];
  /** SPIFFE ids begin with one of them. */
  prefixes: readonly string[];
}

export function meshClientSocket({ inner, serverName, subjectAltNames, prefixes }: MeshClient): TransportSocket {
  const exact = subjectAltNames.map((value) => name({ $case: 'exact', value }));
  const names = exact.length > 0 ? exact : prefixes.map((value) => name({ $case: 'prefix', value }));
  return tlsSocket(
    pack(`${package_}.UpstreamTlsContext`, UpstreamTlsContext, {
      commonTlsContext: {
        ...certificates(names),
        alpnProtocols: [...offered[inner]],
      },
      sni: serverName,
    }),
  );
}

export function meshServerSocket(inner: 'http' | 'tcp', trustDomains: readonly string[]): TransportSocket {
  return tlsSocket(
    pack(`${package_}.DownstreamTlsContext`, DownstreamTlsContext, {
      commonTlsContext: {
        ...certificates(trustDomains.map((domain) => name({ $case: 'prefix', value: `spiffe://${domain}/` }))),
        alpnProtocols: [...taken[inner]],
      },
      requireClientCertificate: true,
    }),
  );
}

/** Istio's server name for a subset of a service, by which gateways can pass mutual TLS on. */
export function meshServerName(port: number, subset: string, host: string): string {
  return `outbound_.${port}_.${subset}_.${host}`;
}

export function parseMeshServerName(name: string): OutboundClusterName | undefined {
  const [, port, subset = '', host = ''] = /^outbound_\.(\d{1,5})_\.([^_]*)_\.(.+)$/.exec(name) ?? [];
  return port === undefined ? undefined : { port: Number(port), subset, host };
}

function certificates(matchTypedSubjectAltNames: ReturnType<typeof name>[]) {
  return {
    tlsCertificateSdsSecretConfigs: [secretConfig(ownCertificate)],
    validationContextType: {
      $case: 'combinedValidationContext' as const,
      value: { defaultValidationContext: { matchTypedSubjectAltNames }, validationContextSdsSecretConfig: secretConfig(meshRoots) },
    },
  };
}

function name(matchPattern: { $case: 'exact' | 'prefix'; value: string }) {
  return { sanType: SanType.URI, matcher: { matchPattern } };
}
