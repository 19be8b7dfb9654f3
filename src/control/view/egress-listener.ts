// What a Sidecar lets its workloads reach, and where: hosts of namespaces, at all of their ports or at one.
import type { Sidecar } from '#api/kinds/sidecar';
import { hostCovers, intersectHosts } from '#control/mesh/hostname';
import { declaredProtocol, type Protocol } from '#control/mesh/protocol';
import type { MeshService } from '#control/mesh/service';
import type { MeshVirtualService } from '#control/mesh/traffic-resource';

export interface EgressListener {
  hosts: readonly EgressHost[];
  /** Undefined: every port. */
  port: { number: number } | undefined;
  /** What is spoken there. */
  protocol: Protocol;
  /** It listens for itself at this address, or Unix socket (`unix://…`): nothing is redirected to it. Undefined: it takes what is redirected. */
  boundAt: string | undefined;
}

interface EgressHost {
  /** A namespace, or `*`. */
  owner: string;
  host: string;
}

/** Without a Sidecar, or one that does not say: everything. */
export function egressListeners(sidecar: Sidecar | undefined, namespace: string): EgressListener[] {
  const egress = sidecar?.spec.egress;
  if (!egress?.length) return [{ hosts: [{ owner: '*', host: '*' }], port: undefined, protocol: 'auto', boundAt: undefined }];
  return egress.map(({ hosts, port, bind, captureMode }) => ({
    hosts: hosts.flatMap((text) => egressHost(text, namespace)),
    // A Unix socket has no number: it leads to every port.
    port: port?.number ? { number: port.number } : undefined,
    protocol: declaredProtocol(port?.protocol, port?.name),
    boundAt: bind ?? (captureMode === 'NONE' ? '127.0.0.1' : undefined),
  }));
}

/** `namespace/host`; `.` is the own namespace, and `~` none at all. */
function egressHost(text: string, namespace: string): EgressHost[] {
  const [owner = '', host = ''] = text.split('/', 2);
  return owner === '~' || host === '' ? [] : [{ owner: owner === '.' ? namespace : owner, host: host.toLowerCase() }];
}

/** With those of its ports that some listener lets through; undefined where there is none. The same object where all are. */
export function reachable(service: MeshService, listeners: readonly EgressListener[]): MeshService | undefined {
  const letting = listeners.filter(({ hosts }) =>
    hosts.some(({ owner, host }) => isOwner(owner, service) && hostCovers(host, service.hostname)),
  );
  if (letting.some(({ port }) => port === undefined)) return service;
  const ports = service.ports.filter(({ number }) => letting.some(({ port }) => port?.number === number));
  if (ports.length === 0) return undefined;
  return ports.length === service.ports.length ? service : { ...service, ports };
}

/** Whether a VirtualService says something of a host that some listener lets through. */
export function isOfInterest(service: MeshVirtualService, listeners: readonly EgressListener[]): boolean {
  return listeners.some(({ hosts }) =>
    hosts.some(({ owner, host }) => isOwner(owner, service) && service.hosts.some((name) => intersectHosts(host, name) !== undefined)),
  );
}

function isOwner(owner: string, object: { namespace: string }): boolean {
  return owner === '*' || owner === object.namespace;
}
