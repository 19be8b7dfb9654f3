// Whether the subsets that a VirtualService names exist. Used by fold.ts, which keeps a last good version serving while
// a new one names subsets that nobody defines yet.
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { VirtualService } from '#api/kinds/virtual-service';
import { originOf } from '#api/origin';
import { hostCovers, resolveHost } from './hostname.ts';
import type { ByKey, MeshProblem } from './snapshot.ts';
import type { MeshDestinationRule, MeshVirtualService } from './traffic-resource.ts';

/** Answers for one moment's DestinationRules. */
export class SubsetIndex {
  private readonly byHost = new Map<string, Set<string>>();
  private readonly wildcards: string[] = [];

  /** Of a table that does not change any more: made once. */
  static of(rules: ByKey<MeshDestinationRule>): SubsetIndex {
    let known = indexes.get(rules);
    if (!known) indexes.set(rules, (known = new SubsetIndex(rules)));
    return known;
  }

  constructor(rules: ByKey<MeshDestinationRule>) {
    for (const { host, object } of rules.values()) {
      let names = this.byHost.get(host);
      if (!names) {
        this.byHost.set(host, (names = new Set()));
        if (host.startsWith('*')) this.wildcards.push(host);
      }
      for (const { name } of object.spec.subsets ?? []) names.add(name);
    }
  }

  defines(host: string, subset: string): boolean {
    if (this.byHost.get(host)?.has(subset)) return true;
    return this.wildcards.some((wildcard) => hostCovers(wildcard, host) && this.byHost.get(wildcard)?.has(subset));
  }
}

const indexes = new WeakMap<ByKey<MeshDestinationRule>, SubsetIndex>();

const hostsOf = new WeakMap<VirtualService, readonly string[]>();

/** Hosts, as written, of which a VirtualService names a subset. An object does not change: it is looked through once. */
export function subsetHosts(object: VirtualService): readonly string[] {
  let hosts = hostsOf.get(object);
  if (!hosts) {
    const { http = [], tcp = [], tls = [] } = object.spec;
    const destinations = [...http, ...tcp, ...tls].flatMap(({ route = [] }) => route.map(({ destination }) => destination));
    hosts = [...new Set(destinations.filter(({ subset }) => subset).map(({ host }) => host))];
    hostsOf.set(object, hosts);
  }
  return hosts;
}

export interface MissingSubset {
  host: string;
  subset: string;
  /** `spec.http[0].route[1].destination.subset` */
  field: string;
}

/** The first subset that is named and not defined. */
export function missingSubset(service: MeshVirtualService, subsets: SubsetIndex, domainSuffix: string): MissingSubset | undefined {
  const { http, tcp, tls } = service.object.spec;
  for (const [section, rules] of Object.entries({ http, tcp, tls })) {
    for (const [i, rule] of (rules ?? []).entries()) {
      for (const [j, { destination }] of (rule.route ?? []).entries()) {
        if (!destination.subset) continue;
        const host = resolveHost(destination.host, service.namespace, domainSuffix);
        if (subsets.defines(host, destination.subset)) continue;
        return { host, subset: destination.subset, field: `spec.${section}[${i}].route[${j}].destination.subset` };
      }
    }
  }
  return undefined;
}

export const subsetInUse = 'SUBSET_IN_USE';

/** Of a DestinationRule that waits behind its last good version. `user`: `VirtualService default/reviews`. */
export function subsetInUseProblem(rule: DestinationRule, subset: string, user: string): MeshProblem {
  const { name, namespace = 'default' } = rule.metadata;
  const field = 'spec.subsets';
  const origin = originOf(rule, field);
  return {
    level: 'error',
    code: subsetInUse,
    object: `DestinationRule ${namespace}/${name}`,
    message: `no longer defines the subset "${subset}", which ${user} sends requests to; the last good version keeps serving`,
    field,
    hint: `take the subset out of ${user} as well`,
    ...(origin && { origin }),
  };
}

/** `kept`: the version that served goes on. */
export function missingSubsetProblem(service: MeshVirtualService, missing: MissingSubset, kept: boolean): MeshProblem {
  const origin = originOf(service.object, missing.field);
  return {
    level: 'error',
    code: 'UNKNOWN_SUBSET',
    object: `VirtualService ${service.namespace}/${service.name}`,
    message: kept
      ? `no DestinationRule of ${missing.host} defines the subset "${missing.subset}"; the last good version keeps serving`
      : `no DestinationRule of ${missing.host} defines the subset "${missing.subset}"; requests that take this route get 503`,
    field: missing.field,
    hint: `add the subset "${missing.subset}" to a DestinationRule for ${missing.host}`,
    ...(origin && { origin }),
  };
}
