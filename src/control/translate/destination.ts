// Which cluster a destination of a VirtualService means. Istio's rules for hosts and ports.
import type { Destination } from '#api/kinds/virtual-service';
import { resolveHost } from '#control/mesh/hostname';
import type { MeshService } from '#control/mesh/service';
import type { ByKey } from '#control/mesh/snapshot';
import { outboundClusterName } from './cluster-name.ts';

export interface DestinationContext {
  services: ByKey<MeshService>;
  domainSuffix: string;
  /** Of the listener, for a destination that leaves it open. */
  listenerPort: number;
}

/**
 * Without a port, it is the only one that the service has, else the one at which the request came. The cluster may not
 * exist: then requests get 503, as they do from Istio.
 */
export function destinationCluster(destination: Destination, namespace: string, context: DestinationContext): string {
  const host = resolveHost(destination.host, namespace, context.domainSuffix);
  const ports = context.services.get(host)?.ports ?? [];
  const port = destination.port?.number ?? (ports.length === 1 && ports[0] ? ports[0].number : context.listenerPort);
  return outboundClusterName(port, destination.subset ?? '', host);
}
