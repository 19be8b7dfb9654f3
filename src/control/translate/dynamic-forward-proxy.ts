// Hosts that are resolved by the name in each request (ServiceEntry's DYNAMIC_DNS): Envoy's dynamic forward proxy, a cluster and the filters
// that ask for names. https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/http/http_proxy

import type { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Cluster_DnsLookupFamily, Cluster_LbPolicy } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { ClusterConfig } from '#codec/protobuf/generated/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster';
import { FilterConfig } from '#codec/protobuf/generated/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { FilterConfig as SniFilterConfig } from '#codec/protobuf/generated/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy';
import { pack } from './message.ts';

/** One for all: whoever names it must say the same of it. */
const dnsCacheConfig = { name: 'dynamic-dns', dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY };

export function dynamicDiscovery(): Pick<Parameters<typeof Cluster.fromPartial>[0], 'clusterDiscoveryType' | 'lbPolicy'> {
  const config = { clusterImplementationSpecifier: { $case: 'dnsCacheConfig', value: dnsCacheConfig } } as const;
  return {
    clusterDiscoveryType: {
      $case: 'clusterType',
      value: {
        name: 'envoy.clusters.dynamic_forward_proxy',
        typedConfig: pack('envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig', ClusterConfig, config),
      },
    },
    lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
  };
}

/** Of requests, by their authority. */
export function dynamicHostFilter(): HttpFilter {
  const config = { implementationSpecifier: { $case: 'dnsCacheConfig', value: dnsCacheConfig } } as const;
  const value = pack('envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig', FilterConfig, config);
  return {
    name: 'envoy.filters.http.dynamic_forward_proxy',
    configType: { $case: 'typedConfig', value },
    isOptional: false,
    disabled: false,
  };
}

/** Of connections, by the server name of TLS. */
export function dynamicServerNameFilter(port: number): Filter {
  const config = { dnsCacheConfig, portSpecifier: { $case: 'portValue', value: port } } as const;
  const value = pack('envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig', SniFilterConfig, config);
  return { name: 'envoy.filters.network.sni_dynamic_forward_proxy', configType: { $case: 'typedConfig', value } };
}
