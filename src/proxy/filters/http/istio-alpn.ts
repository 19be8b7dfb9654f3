// Istio's `alpn` filter: what is offered by ALPN to the upstream, by the protocol that it is spoken to, in the place of what its cluster
// says. By it a server whose port may speak anything knows HTTP inside of the mesh's TLS. Clusters may say that theirs stands.
import { FilterConfig, FilterConfig_Protocol as Protocol } from '#codec/protobuf/generated/istio/alpn';
import type { HttpFilterType } from '#proxy/http/http-filter';
import { type AlpnOffers, alpnOffer } from '#proxy/upstream/tls-offer';

export const istioAlpnType: HttpFilterType<AlpnOffers> = {
  message: 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  decode(bytes) {
    const { alpnOverride } = FilterConfig.decode(bytes);
    const of = (protocol: Protocol, spoken: string) => {
      const found = alpnOverride.find(({ upstreamProtocol }) => upstreamProtocol === protocol);
      return found && alpnOffer(found.alpnOverride, spoken);
    };
    return { http1: of(Protocol.HTTP11, 'http1'), http2: of(Protocol.HTTP2, 'http2') };
  },
  make: (offers) => ({
    request(stream) {
      stream.alpnOffers = offers;
      return 'continue';
    },
  }),
};
