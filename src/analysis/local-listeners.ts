// Programs that listen where only their own pod can call them, on ports that a Service sends others to. What pods listen on does not
// stand in resources: `precheck` asks them. Pure.
import { keyOf } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import { type Finding, finding } from './analyzer.ts';

/** The kernel's tables of sockets, `/proc/net/tcp` and `/proc/net/tcp6`, of pods by `namespace/name`. */
export type SocketTables = ReadonlyMap<string, string>;

export function localListeners(pods: readonly Pod[], services: readonly Service[], tables: SocketTables): Finding[] {
  return pods.flatMap((pod) => {
    const local = localPorts(tables.get(keyOf(pod.metadata)) ?? '');
    const asked = services.filter((service) => selects(service, pod)).flatMap((service) => targetPorts(service, pod));
    return [...new Set(asked)]
      .filter((port) => local.has(port))
      .map((port) =>
        finding(
          'IST0143',
          pod,
          '',
          `port ${port} of a Service listens on the pod's loopback address alone: no other pod reaches it`,
          'listen on 0.0.0.0',
        ),
      );
  });
}

const listening = '0A';

/** Ports on which somebody listens on loopback, and nobody on any other address. */
export function localPorts(tables: string): ReadonlySet<number> {
  const local = new Set<number>();
  const open = new Set<number>();
  for (const [, address = '', port = ''] of tables.matchAll(new RegExp(`^\\s*\\d+: ([0-9A-F]+):([0-9A-F]{4}) \\S+ ${listening} `, 'gm'))) {
    (isLoopback(address) ? local : open).add(Number.parseInt(port, 16));
  }
  return new Set([...local].filter((port) => !open.has(port)));
}

/** In words of four bytes, each with its last byte first: 127.0.0.0/8, `::1`, and 127.0.0.0/8 as IPv6. */
function isLoopback(address: string): boolean {
  if (address.length === 8) return address.endsWith('7F');
  return address === '00000000000000000000000001000000' || /^0{16}FFFF0000.{6}7F$/.test(address);
}

function selects({ metadata, spec }: Service, pod: Pod): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  const labels = pod.metadata.labels ?? {};
  return selector.length > 0 && metadata.namespace === pod.metadata.namespace && selector.every(([name, value]) => labels[name] === value);
}

function targetPorts({ spec }: Service, pod: Pod): number[] {
  const named = pod.spec?.containers.flatMap(({ ports = [] }) => ports) ?? [];
  return (spec?.ports ?? []).flatMap(({ port, targetPort = port }) => {
    const number = typeof targetPort === 'number' ? targetPort : named.find(({ name }) => name === targetPort)?.containerPort;
    return number === undefined ? [] : [number];
  });
}
