// What a cluster's connections speak, as Istio says it: in `typed_extension_protocol_options`, not in the cluster's own legacy fields.
import type { MatchPredicate } from '#codec/protobuf/generated/envoy/config/common/matcher/v3/matcher';
import type {
  HttpProtocolOptions as CommonHttpProtocolOptions,
  Http2ProtocolOptions,
} from '#codec/protobuf/generated/envoy/config/core/v3/protocol';
import { HttpProtocolOptions } from '#codec/protobuf/generated/envoy/extensions/upstreams/http/v3/http_protocol_options';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { pack } from './message.ts';

const name = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `downstream`: what the request itself came by. */
export type UpstreamProtocol = 'http1' | 'http2' | 'downstream';

type Http2Partial = Parameters<typeof Http2ProtocolOptions.fromPartial>[0];
export type ErrorMatcher = Parameters<typeof MatchPredicate.fromPartial>[0];
/** What the protocol does not matter to. */
export type MoreOptions = Pick<Parameters<typeof HttpProtocolOptions.fromPartial>[0], 'outlierDetection' | 'upstreamHttpProtocolOptions'>;
type Choice = Parameters<typeof HttpProtocolOptions.fromPartial>[0]['upstreamProtocolOptions'];

function choice(protocol: UpstreamProtocol, http2: Http2Partial): Choice {
  switch (protocol) {
    case 'http1':
      return { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'httpProtocolOptions', value: {} } } };
    case 'http2':
      return { $case: 'explicitHttpConfig', value: { protocolConfig: { $case: 'http2ProtocolOptions', value: http2 } } };
    case 'downstream':
      return { $case: 'useDownstreamProtocolConfig', value: { httpProtocolOptions: {}, http2ProtocolOptions: http2 } };
  }
}

/** The map for a cluster's field. */
export function httpProtocolOptions(
  protocol: UpstreamProtocol,
  common: Parameters<typeof CommonHttpProtocolOptions.fromPartial>[0] = {},
  http2: Http2Partial = {},
  more: MoreOptions = {},
): Record<string, Any> {
  return {
    [name]: pack(name, HttpProtocolOptions, {
      commonHttpProtocolOptions: common,
      upstreamProtocolOptions: choice(protocol, http2),
      ...more,
    }),
  };
}
