// The hosts and ports that a VirtualService sends requests to: whether somebody has them.
import type { Destination, VirtualService } from '#api/kinds/virtual-service';
import { nearest } from '#api/nearest';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { destinationsOf } from '../destinations.ts';
import { exportedHosts, type KnownHost } from '../exported-hosts.ts';
import { clusterDomain, fullHost } from '../host.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/VirtualService';

function* check(object: VirtualService, resources: Resources): Iterable<Finding> {
  const { namespace = '' } = object.metadata;
  const hosts = resources.derived(exportedHosts);
  for (const { destination, field } of destinationsOf(object)) {
    const host = fullHost(destination.host, namespace);
    const known = hosts.find(host, namespace, object.spec.exportTo);
    if (known) yield* checkPort(object, destination, field, known);
    else {
      const message = `no Service or ServiceEntry has the host ${host}: requests for it fail with 503`;
      yield finding('IST0101', object, `${field}.host`, message, hintFor(destination.host, host, namespace, resources));
    }
  }
  yield* checkSubsetElsewhere(object, resources);
}

function hintFor(written: string, host: string, namespace: string, resources: Resources): string {
  const hosts = resources.derived(exportedHosts);
  const cluster = `${written}.svc.${clusterDomain}`;
  const near = hosts.find(cluster, namespace) ? cluster : nearest(host, hosts.hosts());
  return near ? `did you mean ${near}?` : 'apply its Service, or a ServiceEntry for a host outside of the mesh';
}

function* checkPort(object: VirtualService, { host, port }: Destination, field: string, { ports }: KnownHost): Iterable<Finding> {
  if (port?.number === undefined) {
    if (ports.length < 2) return;
    const message = `${host} has several ports: ${ports.join(', ')}: which one is not said`;
    yield finding('IST0112', object, field, message, 'set destination.port.number');
  } else if (!ports.includes(port.number)) {
    const hint = `it has ${ports.join(', ') || 'none'}`;
    yield finding('IST0101', object, `${field}.port.number`, `${host} has no port ${port.number}: requests for it fail with 503`, hint);
  }
}

/** VirtualServices that route a host of their own to subsets, by that host as they write it. */
const subsetRoutes = (resources: Resources) =>
  grouped(
    resources.all<VirtualService>(kind).flatMap((object) => {
      const hosts = object.spec.hosts ?? [];
      const routes = (object.spec.http ?? []).flatMap(({ route = [] }) => route);
      return routes.flatMap(({ destination }) =>
        destination.subset && hosts.includes(destination.host) ? [[destination.host, object] as const] : [],
      );
    }),
  );

/** A gateway applies the routes of its own VirtualService alone: those that the mesh has for the same host do not act there. */
function* checkSubsetElsewhere(object: VirtualService, resources: Resources): Iterable<Finding> {
  const { gateways = [], http = [] } = object.spec;
  if (gateways.length === 0) return;
  for (const [index, { route = [] }] of http.entries()) {
    for (const [position, { destination }] of route.entries()) {
      if (destination.subset) continue;
      const others = resources.derived(subsetRoutes).get(destination.host) ?? [];
      for (const name of new Set(others.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`))) {
        const message = `the subsets that VirtualService ${name} routes ${destination.host} to are not used for requests through a gateway`;
        yield finding('IST0140', object, `spec.http[${index}].route[${position}].destination`, message, 'name the subset here as well');
      }
    }
  }
}

export const virtualServiceDestination = analyzer('virtualservice.DestinationHostAnalyzer', [kind], check);
