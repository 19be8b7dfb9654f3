// VirtualServices that claim the same host for the sidecars of the mesh: only the oldest one acts.
import type { VirtualService } from '#api/kinds/virtual-service';
import { analyzer, type Finding, finding, isSame, naming, precedes } from '../analyzer.ts';
import { exportScopes } from '../exported-hosts.ts';
import { fullHost, hostsOverlap } from '../host.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/VirtualService';

interface Claim {
  scope: string;
  host: string;
  object: VirtualService;
}

function claimsOf(object: VirtualService): Claim[] {
  const { hosts = [], gateways = [], exportTo } = object.spec;
  if (gateways.length > 0 && !gateways.includes('mesh')) return [];
  const { namespace = '' } = object.metadata;
  return exportScopes(exportTo, namespace).flatMap((scope) => hosts.map((host) => ({ scope, host: fullHost(host, namespace), object })));
}

function claims(resources: Resources) {
  const all = resources.all<VirtualService>(kind).flatMap(claimsOf);
  return {
    byHost: grouped(all.map((claim) => [claim.host, claim] as const)),
    wildcards: all.filter(({ host }) => host.startsWith('*')),
    all,
  };
}

/** Of one scope: the same host. Between one namespace and all of them: overlapping hosts. */
function collide(a: Claim, b: Claim): boolean {
  if (a.scope === b.scope) return a.host === b.host;
  return (a.scope === '*' || b.scope === '*') && hostsOverlap(a.host, b.host);
}

function* check(object: VirtualService, resources: Resources): Iterable<Finding> {
  const { byHost, wildcards, all } = resources.derived(claims);
  for (const own of claimsOf(object)) {
    const candidates = own.host.startsWith('*') ? all : [...(byHost.get(own.host) ?? []), ...wildcards];
    const others = candidates.filter((other) => !isSame(other.object, object) && collide(own, other)).map((claim) => claim.object);
    const [first] = others;
    if (!first) continue;
    const winner = others.find((other) => precedes(other, object));
    const message = winner
      ? `${naming(winner)} has the host ${own.host} already: it is older, and this one has no effect for the mesh`
      : `${naming(first)} has the host ${own.host} too: this one is older, and that one has no effect for the mesh`;
    const field = `spec.hosts[${object.spec.hosts?.findIndex((host) => fullHost(host, object.metadata.namespace ?? '') === own.host) ?? 0}]`;
    // Once for each resource, as Istio does.
    return yield finding('IST0109', object, field, message, 'put the rules of one host into one VirtualService');
  }
}

export const conflictingMeshHosts = analyzer('virtualservice.ConflictingMeshGatewayHostsAnalyzer', [kind], check);
