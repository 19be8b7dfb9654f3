// The cluster of a proxy's own workload, as Istio puts it into the bootstrap of proxies that ask for it: its endpoints come by EDS.
import { Cluster, Cluster_DiscoveryType as DiscoveryType } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { typeUrl } from '#xds/resource-type';

/** `initial` with the cluster `name`, where it is not there yet. Undefined: the proxy does not ask for it. */
export function withLocalCluster(initial: readonly DeltaDiscoveryResponse[], name: string | undefined): readonly DeltaDiscoveryResponse[] {
  const given = initial.some(({ typeUrl: type, resources }) => type === typeUrl.cluster && resources.some((each) => each.name === name));
  if (name === undefined || given) return initial;
  const cluster = Cluster.fromPartial({
    name,
    clusterDiscoveryType: { $case: 'type', value: DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: { configSourceSpecifier: { $case: 'ads', value: {} } } },
  });
  const resource = { typeUrl: typeUrl.cluster, value: Buffer.from(Cluster.encode(cluster).finish()) };
  return [
    DeltaDiscoveryResponse.fromPartial({ typeUrl: typeUrl.cluster, resources: [{ name, version: 'bootstrap', resource }] }),
    ...initial,
  ];
}
