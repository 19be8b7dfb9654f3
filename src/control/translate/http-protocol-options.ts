// What a cluster's connections speak, as Istio says it: in `typed_extension_protocol_options`, not in the cluster's own legacy fields.
import type { HttpProtocolOptions as CommonHttpProtocolOptions } from '#codec/protobuf/generated/envoy/config/core/v3/protocol';
import { HttpProtocolOptions } from '#codec/protobuf/generated/envoy/extensions/upstreams/http/v3/http_protocol_options';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { pack } from './message.ts';

const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `downstream`: what the request itself came by. */
export type UpstreamProtocol = 'http1' | 'http2' | 'downstream';

const choices = {
  http1: { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'httpProtocolOptions', value: {} } } },
  http2: { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'http2ProtocolOptions', value: {} } } },
  downstream: { $case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: {} } },
} as const;

/** The map for a cluster's field. */
export function httpProtocolOptions(protocol: UpstreamProtocol, common: Partial<CommonHttpProtocolOptions> = {}): Record<string, Any> {
  return { [name]: pack(name, HttpProtocolOptions, { commonHttpProtocolOptions: common, upstreamProtocolOptions: choices[protocol] }) };
}
