// Which DestinationRule clients of one namespace use for a host. Istio's order: theirs, the service's namespace's, the
// root namespace's; in each the most specific host; of that, a rule for the client's own labels, else
// those for everybody. Such rules are merged, the oldest first.
import { isDeepStrictEqual } from 'node:util';
import type { Subset, TrafficPolicy } from '#api/kinds/destination-rule';
import { compareSpecificity, hostCovers } from '#control/mesh/hostname';
import { isExported, type MeshService, selects } from '#control/mesh/service';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { compareAge, type MeshDestinationRule } from '#control/mesh/traffic-resource';

export interface MergedDestinationRule {
  /** Of everything it was merged from. */
  readonly key: string;
  readonly name: string;
  readonly namespace: string;
  /** It is for clients with certain labels. */
  readonly selective: boolean;
  readonly trafficPolicy: TrafficPolicy | undefined;
  readonly subsets: readonly Subset[];
}

export class DestinationRules {
  /** namespace -> host -> rules, oldest first */
  private readonly byNamespace = new Map<string, Map<string, MeshDestinationRule[]>>();
  private readonly merged = new Map<string, MergedDestinationRule>();
  /** Some rule compares the client's labels with those of endpoints. */
  readonly byClientLabels: boolean;
  /** Secrets that rules for these very clients name. */
  readonly credentials: ReadonlySet<string>;

  constructor(
    private readonly tables: Pick<MeshSnapshot, 'destinationRules' | 'config'>,
    private readonly clientNamespace: string,
    clientLabels: Readonly<Record<string, string>>,
  ) {
    const { localityLbSetting, zoneAwareLbSetting } = tables.config;
    const meshWide = [localityLbSetting, zoneAwareLbSetting].some((setting) => setting?.failoverPriority?.length);
    this.byClientLabels = meshWide || [...tables.destinationRules.values()].some(({ object: { spec } }) => comparesLabels(spec));
    const credentials = new Set<string>();
    for (const rule of [...tables.destinationRules.values()].sort(compareAge)) {
      const selector = selectorOf(rule);
      if (selector && (rule.namespace !== clientNamespace || !selects(selector, clientLabels))) continue;
      if (selector) for (const name of credentialsOf(rule)) credentials.add(name);
      let hosts = this.byNamespace.get(rule.namespace);
      if (!hosts) this.byNamespace.set(rule.namespace, (hosts = new Map()));
      const rules = hosts.get(rule.host);
      if (rules) rules.push(rule);
      else hosts.set(rule.host, [rule]);
    }
    this.credentials = credentials;
  }

  for(service: MeshService): MergedDestinationRule | undefined {
    const root = this.tables.config.rootNamespace;
    for (const namespace of new Set([this.clientNamespace, service.namespace, root])) {
      const hosts = this.byNamespace.get(namespace);
      const host = hosts && mostSpecific(hosts, service.hostname);
      if (!hosts || host === undefined) continue;
      const rules = (hosts.get(host) ?? []).filter((rule) => isExported(rule.exportTo, rule.namespace, this.clientNamespace));
      // A rule for these very clients goes before those for all; rules for different clients do not mix.
      const [own] = rules.filter(selectorOf);
      const merged = own ? rules.filter((rule) => isDeepStrictEqual(selectorOf(rule), selectorOf(own))) : rules;
      if (merged.length > 0) return this.merge(merged);
    }
    return undefined;
  }

  private merge(rules: readonly MeshDestinationRule[]): MergedDestinationRule {
    const key = rules.map((rule) => rule.stamp).join('+');
    let merged = this.merged.get(key);
    if (!merged) {
      const subsets = new Map<string, Subset>();
      for (const rule of rules)
        for (const subset of rule.object.spec.subsets ?? []) if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
      const [first] = rules;
      merged = {
        key,
        name: first?.name ?? '',
        namespace: first?.namespace ?? '',
        selective: first !== undefined && selectorOf(first) !== undefined,
        trafficPolicy: rules.find((rule) => rule.object.spec.trafficPolicy)?.object.spec.trafficPolicy,
        subsets: [...subsets.values()],
      };
      this.merged.set(key, merged);
    }
    return merged;
  }
}

/** Labels of the clients that a rule is for; undefined: all that see it. */
function selectorOf({ object: { spec } }: MeshDestinationRule): Readonly<Record<string, string>> | undefined {
  return spec.workloadSelector && (spec.workloadSelector.matchLabels ?? {});
}

type Spec = MeshDestinationRule['object']['spec'];

/** Of all levels. */
function policiesOf({ trafficPolicy, subsets = [] }: Spec) {
  const policies = [trafficPolicy, ...subsets.map((subset) => subset.trafficPolicy)];
  return policies.flatMap((policy) => [policy, ...(policy?.portLevelSettings ?? [])]);
}

function credentialsOf({ object: { spec } }: MeshDestinationRule): string[] {
  return policiesOf(spec).flatMap((policy) => policy?.tls?.credentialName || []);
}

/** `failoverPriority`, at any level. */
function comparesLabels(spec: Spec): boolean {
  return policiesOf(spec)
    .flatMap((policy) => [policy?.loadBalancer?.localityLbSetting, policy?.loadBalancer?.zoneAwareLbSetting])
    .some((setting) => setting?.failoverPriority?.length);
}

function mostSpecific(hosts: ReadonlyMap<string, unknown>, hostname: string): string | undefined {
  if (hosts.has(hostname)) return hostname;
  return [...hosts.keys()].filter((host) => hostCovers(host, hostname)).sort(compareSpecificity)[0];
}
