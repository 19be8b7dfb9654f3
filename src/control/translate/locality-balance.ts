// Which endpoints a client goes to first, by where both are: Istio's `localityLbSetting` and `zoneAwareLbSetting`, as priorities and weights
// of localities. Pure.
import type { Subset } from '#api/kinds/destination-rule';
import type { MeshEndpoint } from '#control/mesh/endpoint';
import { localityMatches, withTopology } from '#control/mesh/locality';
import type { LocalityLbSetting, MeshConfig, ZoneAwareLbSetting } from '#control/mesh/mesh-config';
import type { MergedDestinationRule } from '#control/view/destination-rule';
import type { ProxyView } from '#control/view/proxy-view';
import { type PortPolicy, portPolicy } from './traffic-policy.ts';

/** All that decides, beside the endpoints. */
export interface LocalityBalance {
  /** Of the client. */
  locality: string;
  distribute: LocalityLbSetting['distribute'];
  failover: LocalityLbSetting['failover'];
  /** Within the client's region the client itself balances, by zone. */
  byRegion: boolean;
  /** What each label of `failoverPriority` must be on an endpoint, in order; undefined: the client does not have it. */
  labels: readonly (readonly [name: string, value: string | undefined])[];
}

/** What of the mesh's configuration concerns localities. */
type MeshSettings = Pick<MeshConfig, 'localityLbSetting' | 'zoneAwareLbSetting'>;

/** How a client tells the localities of one host's endpoints apart; `off`: it does not. */
export type LocalitySetting =
  | { kind: 'off' }
  | { kind: 'by weight'; setting: LocalityLbSetting }
  | { kind: 'by zone'; setting: ZoneAwareLbSetting };

/** What the rule says goes before what the mesh says; a setting for zones goes before one for localities. */
export function localitySetting({ loadBalancer }: PortPolicy, config: MeshSettings): LocalitySetting {
  const ruled = loadBalancer?.zoneAwareLbSetting ?? loadBalancer?.localityLbSetting;
  const zones = ruled === undefined ? config.zoneAwareLbSetting : loadBalancer?.zoneAwareLbSetting;
  if (zones !== undefined) return { kind: 'by zone', setting: zones };
  const setting = loadBalancer?.localityLbSetting ?? config.localityLbSetting;
  return setting.enabled === false ? { kind: 'off' } : { kind: 'by weight', setting };
}

/** Undefined when all endpoints are alike to the client. */
export function localityBalance(
  { locality, labels, snapshot }: Pick<ProxyView, 'locality' | 'labels' | 'snapshot'>,
  rule: MergedDestinationRule | undefined,
  subset: Subset | undefined,
  port: number,
): LocalityBalance | undefined {
  const policy = portPolicy(rule, subset, port);
  const { kind, setting } = { setting: undefined, ...localitySetting(policy, snapshot.config) };
  if (setting === undefined || setting.enabled === false) return undefined;
  const { failover = [], failoverPriority = [] } = setting;
  const own = withTopology(labels, locality);
  const wanted = failoverPriority.map((text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? ([text, own[text]] as const) : ([text.slice(0, equals), text.slice(equals + 1)] as const);
  });
  if (kind === 'by zone') return { locality, distribute: [], failover, labels: wanted, byRegion: true };
  const { distribute = [] } = setting as LocalityLbSetting;
  if (distribute.length > 0) return { locality, distribute, failover: [], labels: [], byRegion: false };
  // Without it nobody would find out that an endpoint is to be failed over from.
  if (policy.outlierDetection === undefined) return undefined;
  return { locality, distribute: [], failover, labels: wanted, byRegion: false };
}

/** What decides of an endpoint. */
type PlacedEndpoint = Pick<MeshEndpoint, 'locality' | 'weight' | 'labels'>;

/** Endpoints of one locality and one priority. */
export interface LocalityGroup<T> {
  locality: string;
  priority: number;
  weight: number;
  members: T[];
}

/** `items`: each with its endpoint. Without a balance, all are of the first priority, and localities weigh as much as their endpoints. */
export function localityGroups<T extends { endpoint: PlacedEndpoint }>(
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
function rankOf(endpoint: PlacedEndpoint, { locality, distribute, failover, labels, byRegion }: LocalityBalance): number {
  if (distribute && distribute.length > 0) return 0;
  const away = distance(locality, endpoint.locality, failover);
  const byLocality = byRegion && away < otherRegionRank ? 0 : away;
  if (labels.length === 0) return byLocality;
  const own = withTopology(endpoint.labels, endpoint.locality);
  const matching = labels.findIndex(([name, value]) => value === undefined || own[name] !== value);
  const byLabels = matching < 0 ? 0 : labels.length - matching;
  return byLabels * ranksOfDistance + (byRegion || (failover && failover.length > 0) ? byLocality : 0);
}

const otherRegionRank = 3;
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
  return named === undefined || named.to === otherRegion ? otherRegionRank : otherRegionRank + 1;
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
