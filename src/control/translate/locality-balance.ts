// Which endpoints a client goes to first, by where both are: Istio's `localityLbSetting`, as priorities and weights of localities. Pure.
import type { Subset } from '#api/kinds/destination-rule';
import type { MeshEndpoint } from '#control/mesh/endpoint';
import { localityMatches, withTopology } from '#control/mesh/locality';
import type { LocalityLbSetting, MeshConfig } from '#control/mesh/mesh-config';
import type { MergedDestinationRule } from '#control/view/destination-rule';
import type { ProxyView } from '#control/view/proxy-view';
import { type PortPolicy, portPolicy } from './traffic-policy.ts';

/** All that decides, beside the endpoints. */
export interface LocalityBalance {
  /** Of the client. */
  locality: string;
  distribute: LocalityLbSetting['distribute'];
  failover: LocalityLbSetting['failover'];
  /** What each label of `failoverPriority` must be on an endpoint, in order; undefined: the client does not have it. */
  labels: readonly (readonly [name: string, value: string | undefined])[];
}

/** The rule's, else the mesh's; undefined when localities do not count. */
export function localitySetting(
  { loadBalancer }: PortPolicy,
  config: Pick<MeshConfig, 'localityLbSetting'>,
): LocalityLbSetting | undefined {
  const setting = loadBalancer?.localityLbSetting ?? config.localityLbSetting;
  return setting.enabled === false ? undefined : setting;
}

/** Undefined when all endpoints are alike to the client. */
export function localityBalance(
  { locality, labels, snapshot }: Pick<ProxyView, 'locality' | 'labels' | 'snapshot'>,
  rule: MergedDestinationRule | undefined,
  subset: Subset | undefined,
  port: number,
): LocalityBalance | undefined {
  const policy = portPolicy(rule, subset, port);
  const setting = localitySetting(policy, snapshot.config);
  if (setting === undefined) return undefined;
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0) return { locality, distribute, failover: [], labels: [] };
  // Without it nobody would find out that an endpoint is to be failed over from.
  if (policy.outlierDetection === undefined) return undefined;
  const own = withTopology(labels, locality);
  const wanted = failoverPriority.map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? ([text, own[text]] as const) : ([text.slice(0, equals), text.slice(equals + 1)] as const);
  });
  return { locality, distribute: [], failover, labels: wanted };
}

/** Endpoints of one locality and one priority. */
export interface LocalityGroup<T> {
  locality: string;
  priority: number;
  weight: number;
  members: T[];
}

/** `items`: each with its endpoint. Without a balance, all are of the first priority, and localities weigh as much as their endpoints. */
export function localityGroups<T extends { endpoint: MeshEndpoint }>(
  items: readonly T[],
  balance: LocalityBalance | undefined,
): LocalityGroup<T>[] {
  const groups = new Map<string, LocalityGroup<T>>();
  for (const item of items) {
    const { locality, weight } = item.endpoint;
    const priority = balance ? rankOf(item.endpoint, balance) : 0;
    const key = `${priority} ${locality}`;
    const group = groups.get(key);
    if (group) {
      group.members.push(item);
      group.weight += weight;
    } else groups.set(key, { locality, priority, weight, members: [item] });
  }
  const all = [...groups.values()];
  return balance ? distributed(consecutive(all), balance) : all;
}

/** The lower the nearer; only the order counts. */
function rankOf(endpoint: MeshEndpoint, { locality, distribute, failover, labels }: LocalityBalance): number {
  if (distribute && distribute.length > 0) return 0;
  const byLocality = distance(locality, endpoint.locality, failover);
  if (labels.length === 0) return byLocality;
  const own = withTopology(endpoint.labels, endpoint.locality);
  const matching = labels.findIndex(([name, value]) => value === undefined || own[name] !== value);
  const byLabels = matching < 0 ? 0 : labels.length - matching;
  return byLabels * ranksOfDistance + (failover && failover.length > 0 ? byLocality : 0);
}

const ranksOfDistance = 5;

/** 0 in the same subzone, then zone, then region; the others behind, those that `failover` does not name for this region last. */
function distance(from: string, to: string, failover: LocalityLbSetting['failover']): number {
  const [region = '', zone = '', subzone = ''] = from.split('/');
  const [otherRegion = '', otherZone = '', otherSubzone = ''] = to.split('/');
  if (region === otherRegion) {
    if (zone !== otherZone) return 2;
    return subzone === otherSubzone ? 0 : 1;
  }
  const named = failover?.find((rule) => rule.from === region);
  return named === undefined || named.to === otherRegion ? 3 : 4;
}

/** Priorities without gaps: Envoy wants them so. */
function consecutive<T>(groups: readonly LocalityGroup<T>[]): LocalityGroup<T>[] {
  const ranks = [...new Set(groups.map(({ priority }) => priority))].sort((a, b) => a - b);
  return groups.map((group) => ({ ...group, priority: ranks.indexOf(group.priority) })).sort((a, b) => a.priority - b.priority);
}

/** The first rule that is for the client's locality says which localities get how much; the others get nothing. */
function distributed<T>(groups: readonly LocalityGroup<T>[], { locality, distribute }: LocalityBalance): LocalityGroup<T>[] {
  const rule = distribute?.find(({ from }) => localityMatches(locality, from ?? '*'));
  if (!rule) return [...groups];
  const left = new Set(groups);
  return Object.entries(rule.to ?? {}).flatMap(([pattern, share]) => {
    const matched = [...left].filter((group) => localityMatches(group.locality, pattern));
    for (const group of matched) left.delete(group);
    const total = matched.reduce((sum, { weight }) => sum + weight, 0);
    return share === 0 ? [] : matched.map((group) => ({ ...group, weight: Math.ceil((group.weight * share) / total) }));
  });
}
