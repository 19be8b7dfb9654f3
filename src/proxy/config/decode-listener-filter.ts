// Envoy's listener filters -> what is to be read and looked at before a filter chain is chosen.
import type { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type { ListenerFilterChainMatchPredicate } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { decodeProxyProtocolFilter } from './decode-proxy-protocol.ts';
import { type Findings, messageName } from './findings.ts';
import type { ListenerConfig } from './listener.ts';

const listenerFilters = {
  originalDst: 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst',
  tlsInspector: 'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector',
  httpInspector: 'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector',
  proxyProtocol: 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol',
} as const;

/** Each inspector may be disabled for some ports, as Istio does where it knows that the server speaks first. */
export function decodeListenerFilters(
  { listenerFilters: filters }: Listener,
  findings: Findings,
): Pick<ListenerConfig, 'restoresDestination' | 'inspection' | 'proxyProtocol'> {
  let proxyProtocol: ListenerConfig['proxyProtocol'];
  const disabled = new Map<string, PortTest>();
  for (const [i, filter] of filters.entries()) {
    const field = `listener_filters[${i}]`;
    const any = filter.configType?.$case === 'typedConfig' ? filter.configType.value : undefined;
    const name = any && messageName(any);
    if (name === undefined || !Object.values<string>(listenerFilters).includes(name)) {
      findings.report(field, `filter ${filter.name} is not known`);
      continue;
    }
    if (any !== undefined && name === listenerFilters.proxyProtocol) proxyProtocol = decodeProxyProtocolFilter(any, field, findings);
    disabled.set(name, decodePortTest(filter.filterDisabled, `${field}.filter_disabled`, findings));
  }
  const [tls, http] = [disabled.get(listenerFilters.tlsInspector), disabled.get(listenerFilters.httpInspector)];
  const inspection = (port: number) => ({ tls: tls !== undefined && !tls(port), http: http !== undefined && !http(port) });
  return { restoresDestination: disabled.has(listenerFilters.originalDst), inspection, proxyProtocol };
}

type PortTest = (port: number) => boolean;

function decodePortTest(predicate: ListenerFilterChainMatchPredicate | undefined, field: string, findings: Findings): PortTest {
  const rule = predicate?.rule;
  const all = (list: readonly ListenerFilterChainMatchPredicate[]) => list.map((each) => decodePortTest(each, field, findings));
  switch (rule?.$case) {
    case undefined:
      return () => false;
    case 'anyMatch':
      return () => rule.value;
    case 'orMatch': {
      const tests = all(rule.value.rules);
      return (port) => tests.some((test) => test(port));
    }
    case 'andMatch': {
      const tests = all(rule.value.rules);
      return (port) => tests.every((test) => test(port));
    }
    case 'notMatch': {
      const [test] = all([rule.value]);
      return (port) => !test!(port);
    }
    case 'destinationPortRange': {
      const { start, end } = rule.value;
      return (port) => port >= start && port < end;
    }
  }
}
