// Gateways that open one port of the same proxies for the same host.
import { keyOf } from '#api/kind';
import type { Gateway } from '#api/kinds/gateway';
import { analyzer, type Finding, finding, isSame } from '../analyzer.ts';
import { hostsOverlap } from '../host.ts';
import { selectorText } from '../labels.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/Gateway';

interface Opened {
  gateway: Gateway;
  hosts: readonly string[];
}

const placeOf = ({ spec }: Gateway, port: number) => `${selectorText(spec.selector ?? {})}~${port}`;

function* check(object: Gateway, resources: Resources): Iterable<Finding> {
  for (const [index, { port, hosts }] of (object.spec.servers ?? []).entries()) {
    const others = (resources.derived(byPlace).get(placeOf(object, port.number)) ?? []).filter(
      (other) => !isSame(other.gateway, object) && hosts.some((host) => other.hosts.some((theirs) => hostsOverlap(host, theirs))),
    );
    if (others.length === 0) continue;
    const names = [...new Set(others.map(({ gateway }) => keyOf(gateway.metadata)))].join(', ');
    const message = `port ${port.number} is opened for ${hosts.join(', ')} by ${names} too`;
    yield finding('IST0145', object, `spec.servers[${index}]`, message, 'put the servers of one host into one Gateway');
  }
}

function byPlace(resources: Resources): ReadonlyMap<string, Opened[]> {
  return grouped(
    resources
      .all<Gateway>(kind)
      .flatMap((gateway) =>
        (gateway.spec.servers ?? []).map(({ port, hosts }) => [placeOf(gateway, port.number), { gateway, hosts }] as const),
      ),
  );
}

export const conflictingGateways = analyzer('gateway.ConflictingGatewayAnalyzer', [kind], check);
