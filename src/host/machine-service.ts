// A port of this machine as a Service of the mesh: programs that run beside it, such as a database, are called by name from pods. A
// Service and not a ServiceEntry, so that it has a cluster IP, short names, and DestinationRules like any other. Pure.
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { Service } from '#api/kinds/service';
import { MeshError } from '#foundation/mesh-error';

export interface MachinePort {
  name: string;
  namespace: string;
  port: number;
}

/** By which those of a former run are known. */
export const machinePortLabel = 'lateen.dev/machine-port';

/** `db=5432` or `db.shop=5432`. Throws MeshError USAGE. */
export function parseMachinePort(text: string): MachinePort {
  const [, name, namespace = 'default', port] = /^([a-z](?:[a-z0-9-]*[a-z0-9])?)(?:\.([a-z0-9-]+))?=(\d{1,5})$/.exec(text) ?? [];
  if (name !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return { name, namespace, port: Number(port) };
  throw new MeshError('USAGE', `"${text}" publishes nothing`, {
    hint: 'write NAME=PORT or NAME.NAMESPACE=PORT, such as --publish db=5432',
  });
}

/** `address`: where pods' proxies reach the machine. The protocol is found out by the first bytes. */
export function machineService({ name, namespace, port }: MachinePort, address: string): [Service, EndpointSlice] {
  const metadata = { name, namespace, labels: { [machinePortLabel]: String(port) } };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ name: 'port', port, protocol: 'TCP' }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'port', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ];
}
