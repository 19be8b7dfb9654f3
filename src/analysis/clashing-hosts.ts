// Two VirtualServices claim the same host for the sidecars of the mesh: only the older one acts.
import type { ApiObject } from '#api/kind';
import type { VirtualService } from '#api/kinds/virtual-service';
import type { Problem } from '#foundation/problem';
import { isSame, naming, precedes, seenTogether, warning } from './analyzer.ts';
import { meshHosts, type ResourceIndex } from './resource-index.ts';

export function clashingHosts(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'VirtualService') return [];
  const own = object as VirtualService;
  return meshHosts(own).flatMap((host, index) => {
    const others = resources.meshVirtualServicesOf(host).filter((other) => !isSame(other, own) && seenTogether(other, own));
    const winner = others.find((other) => precedes(other, own));
    if (!winner) return [];
    const message = `${naming(winner)} has the host ${host} already: it is older, and this one has no effect for the mesh`;
    return [warning(own, 'CLASHING_HOSTS', `spec.hosts[${index}]`, message, 'put the rules of one host into one VirtualService')];
  });
}
