// What TLS to the upstream offers by ALPN, by the protocol that is spoken there: Istio's `alpn` filter, by which a sidecar at the other end
// tells its own kind from others. Clusters with the metadata `istio.alpn_override: "false"` keep their own words.
import { FilterConfig, FilterConfig_Protocol as Protocol } from '#codec/protobuf/generated/istio/alpn';
import type { HttpFilterType } from '#proxy/http/http-filter';
import type { AlpnOverride } from '#proxy/upstream/endpoint';

export const istioAlpnType: HttpFilterType<AlpnOverride> = {
  message: 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  decode(bytes) {
    const { alpnOverride } = FilterConfig.decode(bytes);
    const of = (protocol: Protocol) => {
      const protocols = alpnOverride.find(({ upstreamProtocol }) => upstreamProtocol === protocol)?.alpnOverride;
      return protocols && { protocols, key: `${protocol} ${protocols.join()}` };
    };
    const [http1, http2] = [of(Protocol.HTTP11), of(Protocol.HTTP2)];
    return { ...(http1 && { http1 }), ...(http2 && { http2 }) };
  },
  make: (override) => ({
    request(stream) {
      stream.upstreamAlpn = override;
      return 'continue';
    },
  }),
};
