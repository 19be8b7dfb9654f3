// Where traffic goes that is for no host of the mesh.
import type { ProxyView } from '#control/view/proxy-view';
import { blackHoleCluster, passthroughCluster } from './cluster-name.ts';
import { destinationCluster } from './destination.ts';

/** To nowhere, to the egress proxy of the Sidecar that applies, or on to where it was going. */
export function unknownHostsCluster({ scope, snapshot, proxy }: ProxyView): string {
  if (!scope.allowAny) return blackHoleCluster;
  const egressProxy = scope.sidecar?.object.spec.outboundTrafficPolicy?.egressProxy;
  if (!egressProxy) return passthroughCluster;
  const { services, config } = snapshot;
  return destinationCluster(egressProxy, proxy.namespace, {
    services,
    domainSuffix: config.domainSuffix,
    listenerPort: egressProxy.port?.number ?? 80,
  });
}
