// The ports that a sidecar takes connections at for its own workload: those of services and containers, or those that a Sidecar names.
import type { Sidecar } from '#api/kinds/sidecar';
import { unixSocketPath } from '#control/mesh/endpoint';
import { declaredProtocol, type Protocol, protocolOf } from '#control/mesh/protocol';
import type { MeshPort, MeshService } from '#control/mesh/service';
import type { MeshSidecar } from '#control/mesh/traffic-resource';
import type { MeshWorkload } from '#control/mesh/workload';

type Ingress = NonNullable<Sidecar['spec']['ingress']>[number];

export interface InboundPort {
  /** Where connections come in; of the container, unless a Sidecar says otherwise. */
  number: number;
  protocol: Protocol;
  /** The service through which clients know it, and its port there; undefined for a port that no service names. */
  service: MeshService | undefined;
  servicePort: MeshPort | undefined;
  /** Of the Sidecar's listener, where one says it. */
  listener: InboundListener | undefined;
  connectionPool: Ingress['connectionPool'];
}

export interface InboundListener {
  /** Undefined: every address. */
  bind: string | undefined;
  /** Nothing is redirected to it: it listens for itself, in a captured pod too. */
  bound: boolean;
  /** Where the program listens, a Unix socket without a port of its own among them; undefined: where connections were going. */
  endpoint: { address: string; port: number } | undefined;
  tls: Ingress['tls'];
}

/** By number. `sidecar`: the one that applies to the workload. */
export function inboundPorts(
  instances: readonly MeshService[],
  workload: MeshWorkload | undefined,
  sidecar: MeshSidecar | undefined,
): InboundPort[] {
  const { ingress, inboundConnectionPool: connectionPool } = sidecar?.object.spec ?? {};
  const own = workloadPorts(instances, workload, connectionPool);
  if (!ingress?.length) return [...own.values()].sort((a, b) => a.number - b.number);
  return ingress.map((listener) => ingressPort(listener, own, connectionPool)).sort((a, b) => a.number - b.number);
}

/** Target ports of the services that select the workload, then the container ports that none of them names. */
function workloadPorts(
  instances: readonly MeshService[],
  workload: MeshWorkload | undefined,
  connectionPool: Ingress['connectionPool'],
): Map<number, InboundPort> {
  const ports = new Map<number, InboundPort>();
  for (const service of instances) {
    for (const servicePort of service.ports) {
      const number = targetNumber(servicePort, workload);
      if (number === undefined || servicePort.protocol === 'udp' || ports.has(number)) continue;
      ports.set(number, { number, protocol: servicePort.protocol, service, servicePort, listener: undefined, connectionPool });
    }
  }
  for (const { name, number, protocol } of workload?.containerPorts ?? []) {
    if (protocol === 'UDP' || ports.has(number)) continue;
    const known = { service: undefined, servicePort: undefined, listener: undefined };
    ports.set(number, { number, protocol: protocolOf({ name }), ...known, connectionPool });
  }
  return ports;
}

function ingressPort(ingress: Ingress, own: ReadonlyMap<number, InboundPort>, ofAll: Ingress['connectionPool']): InboundPort {
  const { port, bind, captureMode, defaultEndpoint, tls, connectionPool } = ingress;
  const number = port.number ?? 0;
  return {
    number,
    protocol: declaredProtocol(port.protocol, port.name),
    service: own.get(number)?.service,
    servicePort: own.get(number)?.servicePort,
    listener: { bind, bound: bind !== undefined || captureMode === 'NONE', endpoint: endpointOf(defaultEndpoint), tls },
    connectionPool: connectionPool ?? ofAll,
  };
}

/** `127.0.0.1:8080` or `unix:///path`; of `0.0.0.0` it is the address to which the connection was made that counts. */
function endpointOf(text: string | undefined): InboundListener['endpoint'] {
  if (text !== undefined && unixSocketPath(text) !== undefined) return { address: text, port: 0 };
  const [, address = '', port] = /^(.+):(\d+)$/.exec(text ?? '') ?? [];
  if (port === undefined || address === '0.0.0.0' || address === '[::]') return undefined;
  return { address: address.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** The number that a service port leads to in this workload; undefined when it names a container port that is not there. */
export function targetNumber(port: MeshPort, workload: MeshWorkload | undefined): number | undefined {
  if (typeof port.targetPort === 'number') return port.targetPort;
  return workload?.containerPorts.find((candidate) => candidate.name === port.targetPort)?.number;
}
