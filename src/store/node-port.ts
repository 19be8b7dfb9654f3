// Node ports of Services: those of type NodePort and LoadBalancer get a free port of the machine for each of theirs, and keep it. Pure but
// for the view.
import type { ApiObject } from '#api/kind';
import { type Service, type ServicePort, serviceKind } from '#api/kinds/service';
import type { Problem } from '#foundation/problem';
import type { StoreView } from './memory-store.ts';
import { StoreError } from './store-error.ts';

/** Kubernetes' `--service-node-port-range`. */
const rangeFirst = 30_000;
const rangeSize = 2_768;

export interface NodePortOptions {
  /** Its ports are published otherwise, wherever its owner says. */
  isPublished(service: Service): boolean;
  /** What tells this mesh from others on the machine: they would be given the same ports for Services of the same names. */
  spread: string;
}

/** The Service with its node ports. Throws StoreError INVALID, in Kubernetes' words, where a port cannot be had. */
export function withNodePorts(object: ApiObject, view: StoreView, { isPublished, spread }: NodePortOptions): ApiObject {
  if (object.kind !== 'Service' || object.apiVersion !== 'v1' || isPublished(object as Service)) return object;
  const service = object as Service;
  const { namespace = '', name } = object.metadata;
  const before = (view.get(serviceKind, namespace, name) as Service | undefined)?.spec.ports ?? [];
  const { ports } = service.spec;
  if (ports === undefined) return service;
  const taken = takenPorts(view, `${namespace}/${name}`);
  const wants = wantsNodePorts(service);
  const completed = ports.map((port, index) => {
    if (!wants) return withoutNodePort(port, before, index, service);
    const { protocol = 'TCP', nodePort = former(port, before) } = port;
    const found = nodePort || freePort(`${spread}/${namespace}/${name}/${port.port}`, protocol, taken);
    check(service, index, found, protocol, taken);
    taken.add(`${found}/${protocol}`);
    return { ...port, nodePort: found };
  });
  return { ...service, spec: { ...service.spec, ports: completed } } as Service;
}

function wantsNodePorts({ spec }: Service): boolean {
  return spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
}

const former = ({ port, protocol = 'TCP' }: ServicePort, before: readonly ServicePort[]) =>
  before.find((each) => each.port === port && (each.protocol ?? 'TCP') === protocol)?.nodePort;

/** Of a Service that had some, and is of another type now. */
function withoutNodePort(port: ServicePort, before: readonly ServicePort[], index: number, service: Service): ServicePort {
  const { nodePort, ...rest } = port;
  if (!nodePort || nodePort === former(port, before) || service.spec.type === 'LoadBalancer') return rest;
  throw refused(service, index, "Forbidden: may not be used when `type` is 'ClusterIP'");
}

function takenPorts(view: StoreView, but: string): Set<string> {
  const others = ([...view.all(serviceKind)] as Service[]).filter(({ metadata }) => `${metadata.namespace}/${metadata.name}` !== but);
  return new Set(others.flatMap(({ spec }) => (spec.ports ?? []).map(({ nodePort, protocol = 'TCP' }) => `${nodePort}/${protocol}`)));
}

/** Begins where the name leads, so that the same manifests mostly get the same ports. 0: all are taken. */
function freePort(key: string, protocol: string, taken: ReadonlySet<string>): number {
  let start = 0;
  for (const letter of key) start = (Math.imul(start, 31) + letter.charCodeAt(0)) >>> 0;
  for (let i = 0; i < rangeSize; i++) {
    const port = rangeFirst + ((start + i) % rangeSize);
    if (!taken.has(`${port}/${protocol}`)) return port;
  }
  return 0;
}

function check(service: Service, index: number, port: number, protocol: string, taken: ReadonlySet<string>): void {
  if (port === 0) throw refused(service, index, 'Internal error: failed to allocate a nodePort: range is full');
  const last = rangeFirst + rangeSize - 1;
  if (port < rangeFirst || port > last) {
    const range = `The range of valid ports is ${rangeFirst}-${last}`;
    throw refused(service, index, `Invalid value: ${port}: provided port is not in the valid range. ${range}`);
  }
  if (taken.has(`${port}/${protocol}`)) throw refused(service, index, `Invalid value: ${port}: provided port is already allocated`);
}

function refused({ metadata: { name } }: Service, index: number, message: string): StoreError {
  const field = `spec.ports[${index}].nodePort`;
  const problem: Problem = { level: 'error', code: 'NODE_PORT', field, message };
  return new StoreError('INVALID', `Service "${name}" is invalid: ${field}: ${message}`, {
    problems: [problem],
    subject: { kind: 'Service', group: '', name },
  });
}
