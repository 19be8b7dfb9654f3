// A DestinationRule's `proxyProtocol`: a transport socket around the one that would be there otherwise.
import type { TrafficPolicy } from '#api/kinds/destination-rule';
import type { TransportSocket } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { ProxyProtocolConfig_Version as Version } from '#codec/protobuf/generated/envoy/config/core/v3/proxy_protocol';
import { ProxyProtocolUpstreamTransport } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol';
import { pack } from './message.ts';
import { plainTransportSocket } from './transport-socket.ts';

/** `inner` undefined: plain. */
export function proxyProtocolSocket(
  { version }: NonNullable<TrafficPolicy['proxyProtocol']>,
  inner: TransportSocket | undefined,
): TransportSocket {
  const value = pack(
    'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
    ProxyProtocolUpstreamTransport,
    { config: { version: version === 'V2' ? Version.V2 : Version.V1 }, transportSocket: inner ?? plainTransportSocket() },
  );
  return { name: 'envoy.transport_sockets.upstream_proxy_protocol', configType: { $case: 'typedConfig', value } };
}
