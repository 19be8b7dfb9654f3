// Listener filters: what is found out of a connection before its filter chain is chosen, by the kernel or by its first bytes.
import { ListenerFilter, ListenerFilterChainMatchPredicate } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { HttpInspector } from '#codec/protobuf/generated/envoy/extensions/filters/listener/http_inspector/v3/http_inspector';
import { OriginalDst } from '#codec/protobuf/generated/envoy/extensions/filters/listener/original_dst/v3/original_dst';
import { ProxyProtocol } from '#codec/protobuf/generated/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol';
import { TlsInspector } from '#codec/protobuf/generated/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { durationOf, pack } from './message.ts';

/** What the HTTP inspector calls plain HTTP. */
export const plainHttp: readonly string[] = ['http/1.1', 'h2c'];

export interface InspectionOptions {
  /** Connections are redirected here: of where they were going. */
  redirected?: boolean;
  /** Connections begin with who is behind them. */
  proxyProtocol?: boolean;
  /** TLS is told from what is not, and its server name and ALPN are read. */
  tls: boolean;
  /** Where the protocol is not known beforehand; `any`: at every port. */
  httpPorts: readonly number[] | 'any';
  /** 0: for ever. */
  timeoutMs: number;
  /** Programs may wait for the server's word, and a connection without TLS is one of theirs. */
  serverFirst: boolean;
}

/** A server that speaks first is not waited for any longer where nothing else is said. */
const serverFirstMs = 1_000;

/** Which fields of a listener the inspections take. */
export function inspections({ redirected = false, proxyProtocol = false, tls, httpPorts, timeoutMs, serverFirst }: InspectionOptions) {
  const http = httpPorts === 'any' || httpPorts.length > 0;
  if (!redirected && !proxyProtocol && !tls && !http) return {};
  const filters = [
    ...(proxyProtocol ? [filter('envoy.filters.listener.proxy_protocol', proxyHeader, undefined)] : []),
    ...(redirected ? [filter('envoy.filters.listener.original_dst', originalDst, undefined)] : []),
    ...(tls ? [filter('envoy.filters.listener.tls_inspector', tlsInspector, undefined)] : []),
    ...(http ? [filter('envoy.filters.listener.http_inspector', httpInspector, httpPorts === 'any' ? undefined : unless(httpPorts))] : []),
  ];
  // A server that speaks first would be waited for: after the timeout the connection is taken for one of bare TCP.
  return {
    listenerFilters: filters,
    ...((http || serverFirst) && {
      listenerFiltersTimeout: durationOf(timeoutMs || (serverFirst ? serverFirstMs : 0)),
      continueOnListenerFiltersTimeout: true,
    }),
  };
}

const originalDst = pack('envoy.extensions.filters.listener.original_dst.v3.OriginalDst', OriginalDst, {});
const proxyHeader = pack('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', ProxyProtocol, {});
const tlsInspector = pack('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', TlsInspector, {});
const httpInspector = pack('envoy.extensions.filters.listener.http_inspector.v3.HttpInspector', HttpInspector, {});

function filter(name: string, config: Any, filterDisabled: ListenerFilterChainMatchPredicate | undefined): ListenerFilter {
  return ListenerFilter.fromPartial({
    name,
    configType: { $case: 'typedConfig', value: config },
    ...(filterDisabled && { filterDisabled }),
  });
}

function unless(ports: readonly number[]): ListenerFilterChainMatchPredicate {
  const rules = ports.map((port) => ({ rule: { $case: 'destinationPortRange' as const, value: { start: port, end: port + 1 } } }));
  return ListenerFilterChainMatchPredicate.fromPartial({
    rule: { $case: 'notMatch', value: { rule: { $case: 'orMatch', value: { rules } } } },
  });
}
