// The endpoints of `local_cluster`: the proxy's own workload, wherever its pods are. Proxies that ask who else they are (Istio's
// ENABLE_SELF_DISCOVERY) balance by zone against it.
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import type { MeshEndpoint } from '#control/mesh/endpoint';
import type { ProxyView } from '#control/view/proxy-view';
import { typeUrl } from '#xds/resource-type';
import { localityGroups } from './locality-balance.ts';
import { bytesOf, servingAddress } from './message.ts';
import type { Recipe } from './resource-cache.ts';

/** Istio's name of the static cluster in a proxy's bootstrap. */
export const localClusterName = 'local_cluster';

/** Where each of its pods is; nobody calls them there, so that one port is as good as another. */
type LocalCluster = readonly Pick<MeshEndpoint, 'address' | 'locality' | 'weight' | 'labels'>[];
const port = 80;

/** Each pod of the workload that some service of it has as an endpoint, once. Undefined: it is not known of which workload the proxy is. */
export function localCluster({ snapshot, proxy, workload, instances }: ProxyView): LocalCluster | undefined {
  const name = workload?.workloadName ?? proxy.metadata['WORKLOAD_NAME'];
  if (typeof name !== 'string') return undefined;
  const own = `${name};${proxy.namespace};`;
  const byAddress = new Map<string, LocalCluster[number]>();
  for (const { hostname } of instances) {
    for (const { address, locality, weight, labels, workload } of snapshot.endpoints.get(hostname)?.items ?? [])
      if (workload.startsWith(own)) byAddress.set(address, { address, locality, weight, labels });
  }
  return [...byAddress.values()];
}

export const localClusterRecipe: Recipe<LocalCluster> = {
  type: typeUrl.endpoint,
  name: () => localClusterName,
  key: (members) => `${localClusterName} ${JSON.stringify(members)}`,
  build: (members) => bytesOf(ClusterLoadAssignment, assignment(members)),
};

function assignment(members: LocalCluster): Parameters<typeof ClusterLoadAssignment.fromPartial>[0] {
  const groups = localityGroups(
    members.map((endpoint) => ({ endpoint })),
    undefined,
  );
  return {
    clusterName: localClusterName,
    endpoints: groups.map(({ locality, weight, members: of }) => {
      const [region = '', zone = '', subZone = ''] = locality.split('/');
      const lbEndpoints = of.map(({ endpoint }) => ({
        hostIdentifier: { $case: 'endpoint' as const, value: { address: servingAddress(endpoint.address, port) } },
      }));
      return { locality: { region, zone, subZone }, loadBalancingWeight: weight, lbEndpoints };
    }),
  };
}
