// Istio's `alpn` filter, which overrides the ALPN of upstream TLS by the downstream's protocol. Accepted: clusters here say it themselves.
import type { HttpFilterType } from '#proxy/http/http-filter';

export const istioAlpnType: HttpFilterType<undefined> = {
  message: 'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  decode: () => undefined,
  make: () => undefined,
};
