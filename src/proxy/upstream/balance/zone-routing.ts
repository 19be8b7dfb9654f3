// The own zone first: as much of the traffic as the zone's endpoints can take when every zone brings its share, the rest to zones that have
// room. Envoy's zone aware routing, where a zone is a whole locality:
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware
import type { Word64 } from '#codec/hash/word64';
import type { Random } from '#foundation/random';
import type { PriorityConfig } from '#proxy/config/load-balancer';
import type { ClusterStats } from '../cluster-stats.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LocalCluster } from '../local-cluster.ts';
import { byWeight } from './locality.ts';
import type { Candidate, Picker } from './picker.ts';

export interface ZoneOptions {
  priorities: PriorityConfig;
  local: LocalCluster;
  random: Random;
  stats: ClusterStats;
  make: (candidates: readonly Candidate[]) => Picker;
}

interface Zone {
  locality: string;
  /** Of the endpoints, in (0, 1]. */
  share: number;
  picker: Picker;
}

/** `fit`: the healthy endpoints of the first priority, which is not in panic. */
export function pickerByZone(fit: readonly Endpoint[], options: ZoneOptions): Picker {
  const { priorities, local, stats, make } = options;
  const whole = make(byWeight(fit));
  const localities = byLocality(fit);
  if (localities.size < 2 || !localities.has(local.locality) || priorities.zoneAware.routedPercent === 0) return whole;
  if (fit.length < priorities.zoneAware.endpointsMin) {
    stats.lb_zone_cluster_too_small++;
    return whole;
  }
  const zones = [...localities].map(([locality, members]) => {
    return { locality, share: members.length / fit.length, picker: make(byWeight(members)) };
  });
  return new ZoneRouting(whole, zones, options);
}

function byLocality(endpoints: readonly Endpoint[]): Map<string, Endpoint[]> {
  const localities = new Map<string, Endpoint[]>();
  for (const endpoint of endpoints) {
    const { locality } = endpoint.config;
    const members = localities.get(locality);
    if (members) members.push(endpoint);
    else localities.set(locality, [endpoint]);
  }
  return localities;
}

class ZoneRouting implements Picker {
  /** Of the local cluster that the next two are worked out from. */
  private stamp = -1;
  /** Of the traffic, what stays in the zone; in (0, 1]. */
  private staying = 1;
  /** Other zones that can take more than their own callers bring: how much, in all up to and with each. */
  private room: { upTo: number; zone: Zone }[] = [];
  private readonly own: Zone;
  private readonly others: readonly Zone[];

  constructor(
    private readonly whole: Picker,
    zones: readonly Zone[],
    private readonly options: ZoneOptions,
  ) {
    const { locality } = options.local;
    this.own = zones.find((zone) => zone.locality === locality)!;
    this.others = zones.filter((zone) => zone !== this.own);
  }

  pick(hash: Word64, attempt: number): Endpoint {
    return this.choose().pick(hash, attempt);
  }

  private choose(): Picker {
    const { local, priorities, stats, random } = this.options;
    if (local.healthyPercent < priorities.panicThreshold) {
      stats.lb_local_cluster_not_ok++;
      return this.whole;
    }
    const { routedPercent } = priorities.zoneAware;
    if (routedPercent < 100 && random.next() * 100 >= routedPercent) return this.whole;
    if (local.stamp !== this.stamp) this.share();
    if (this.staying === 1) {
      stats.lb_zone_routing_all_directly++;
      return this.own.picker;
    }
    if (random.next() < this.staying) {
      stats.lb_zone_routing_sampled++;
      return this.own.picker;
    }
    stats.lb_zone_routing_cross_zone++;
    return this.elsewhere();
  }

  private elsewhere(): Picker {
    const { random, stats } = this.options;
    const room = this.room.at(-1)?.upTo ?? 0;
    if (room === 0) {
      stats.lb_zone_no_capacity_left++;
      return this.others[Math.floor(random.next() * this.others.length)]!.picker;
    }
    const drawn = random.next() * room;
    return this.room.find(({ upTo }) => drawn < upTo)!.zone.picker;
  }

  private share(): void {
    const { local } = this.options;
    const callers = local.shareOf(local.locality);
    this.staying = callers <= this.own.share ? 1 : this.own.share / callers;
    let upTo = 0;
    this.room = this.others.flatMap((zone) => {
      const spare = zone.share - local.shareOf(zone.locality);
      return spare > 0 ? [{ upTo: (upTo += spare), zone }] : [];
    });
    this.stamp = local.stamp;
  }
}
