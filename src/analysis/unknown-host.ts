// A VirtualService sends requests to a host that nobody has.
import type { ApiObject } from '#api/kind';
import type { VirtualService } from '#api/kinds/virtual-service';
import { nearest } from '#api/nearest';
import type { Problem } from '#foundation/problem';
import { warning } from './analyzer.ts';
import { destinationsOf } from './destinations.ts';
import { clusterDomain, fullHost } from './host.ts';
import type { ResourceIndex } from './resource-index.ts';

export function unknownHost(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'VirtualService') return [];
  const { namespace = '' } = object.metadata;
  const problems: Problem[] = [];
  for (const { destination, field } of destinationsOf(object as VirtualService)) {
    const host = fullHost(destination.host, namespace);
    if (host.startsWith('*') || resources.hasHost(host)) continue;
    const message = `no Service or ServiceEntry has the host ${host}: requests for it fail with 503`;
    problems.push(warning(object, 'UNKNOWN_HOST', `${field}.host`, message, hintFor(destination.host, host, resources)));
  }
  return problems;
}

function hintFor(written: string, host: string, resources: ResourceIndex): string {
  const cluster = `${written}.svc.${clusterDomain}`;
  const near = resources.hasHost(cluster) ? cluster : nearest(host, resources.hosts());
  return near ? `did you mean ${near}?` : 'apply its Service, or a ServiceEntry for a host outside of the mesh';
}
