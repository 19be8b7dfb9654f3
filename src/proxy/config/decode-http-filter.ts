// Envoy's http_filters -> HttpFilterConfig. A filter that is not known is refused by name, never ignored.
import { HTTPFault } from '#codec/protobuf/generated/envoy/extensions/filters/http/fault/v3/fault';
import { Router } from '#codec/protobuf/generated/envoy/extensions/filters/http/router/v3/router';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { Config as PeerMetadata } from '#codec/protobuf/generated/istio/peer_metadata';
import { PluginConfig as IstioStats, Reporter } from '#codec/protobuf/generated/istio/stats';
import { decodeFault } from './decode-fault.ts';
import { type Findings, messageName } from './findings.ts';
import type { HttpFilterConfig } from './http-connection-manager.ts';

export function decodeHttpFilters(filters: readonly HttpFilter[], field: string, findings: Findings): HttpFilterConfig[] {
  const decoded = filters.flatMap((filter, i) => {
    const at = `${field}[${i}]`;
    if (filter.disabled) return [];
    const config = findings.attempt(at, () => decodeHttpFilter(filter, at, findings));
    return config === undefined ? [] : [config];
  });
  if (decoded.at(-1)?.kind !== 'router') findings.report(field, 'the last filter must be the router');
  return decoded;
}

function decodeHttpFilter(filter: HttpFilter, field: string, findings: Findings): HttpFilterConfig | undefined {
  const { name, configType, isOptional } = filter;
  if (configType?.$case !== 'typedConfig') {
    findings.report(field, `filter ${name} has no typed_config`);
    return undefined;
  }
  const any = configType.value;
  switch (messageName(any)) {
    case 'envoy.extensions.filters.http.router.v3.Router':
      return { kind: 'router', name, suppressEnvoyHeaders: Router.decode(any.value).suppressEnvoyHeaders };
    case 'envoy.extensions.filters.http.fault.v3.HTTPFault':
      return { kind: 'fault', name, fault: decodeFault(HTTPFault.decode(any.value), field, findings) };
    case 'stats.PluginConfig':
      return {
        kind: 'istio_stats',
        name,
        reporter: IstioStats.decode(any.value).reporter === Reporter.SERVER_GATEWAY ? 'gateway' : 'sidecar',
      };
    case 'io.istio.http.peer_metadata.Config': {
      const config = PeerMetadata.decode(any.value);
      return {
        kind: 'peer_metadata',
        name,
        discover: config.downstreamDiscovery.length > 0,
        propagate: config.upstreamPropagation.length > 0,
      };
    }
    default:
      if (!isOptional) findings.report(field, `filter ${name} (${any.typeUrl}) is not known`);
      return undefined;
  }
}
