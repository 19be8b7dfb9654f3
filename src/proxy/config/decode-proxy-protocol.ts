// Envoy's PROXY protocol: the transport socket of a cluster that says it, the listener filter that hears it.
import type { TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { ProxyProtocolConfig_Version as Version } from '#codec/protobuf/generated/envoy/config/core/v3/proxy_protocol';
import { ProxyProtocol } from '#codec/protobuf/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol';
import { ProxyProtocolUpstreamTransport } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import type { ProxyProtocolVersion } from '#codec/proxy-protocol/header';
import { type Findings, messageName } from './findings.ts';
import type { ProxyProtocolConfig } from './listener.ts';

const upstreamMessage = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';

/** What a transport socket says before all else, and the one inside of it. */
export function unwrapProxyProtocol(
  socket: TransportSocket | undefined,
  field: string,
  findings: Findings,
): { proxyProtocol: ProxyProtocolVersion | undefined; inner: TransportSocket | undefined } {
  const any = socket?.configType?.$case === 'typedConfig' ? socket.configType.value : undefined;
  if (any === undefined || messageName(any) !== upstreamMessage) return { proxyProtocol: undefined, inner: socket };
  const { config, transportSocket } = ProxyProtocolUpstreamTransport.decode(any.value);
  if (config?.passThroughTlvs !== undefined) findings.report(`${field}.config.pass_through_tlvs`, 'is not supported');
  return { proxyProtocol: versionOf(config?.version ?? Version.V1), inner: transportSocket };
}

export function decodeProxyProtocolFilter(any: Any, field: string, findings: Findings): ProxyProtocolConfig {
  const filter = ProxyProtocol.decode(any.value);
  if (filter.rules.length > 0) findings.report(`${field}.rules`, 'is not supported');
  if (filter.passThroughTlvs !== undefined) findings.report(`${field}.pass_through_tlvs`, 'is not supported');
  return { optional: filter.allowRequestsWithoutProxyProtocol, disallowed: filter.disallowedVersions.map(versionOf) };
}

function versionOf(version: Version): ProxyProtocolVersion {
  return version === Version.V2 ? 'v2' : 'v1';
}
