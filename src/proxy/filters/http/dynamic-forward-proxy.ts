// Envoy resolves the host of a request here, before the router; our clusters do when they connect (upstream/open-socket.ts).
import type { HttpFilterType } from '#proxy/http/http-filter';

export const dynamicForwardProxyType: HttpFilterType<object> = {
  message: 'envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig',
  decode: () => ({}),
  make: () => undefined,
};
