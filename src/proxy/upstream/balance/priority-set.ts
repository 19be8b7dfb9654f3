// The endpoints of a cluster in the order of balancing: first a priority, then healthy or degraded ones, then a locality where localities
// have weights, then one endpoint by the cluster's policy. Made anew whenever endpoints or their health change; picking is O(log n).
import { Word64 } from '#codec/hash/word64';
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { LoadBalancerConfig, PriorityConfig } from '#proxy/config/load-balancer';
import type { ClusterStats } from '../cluster-stats.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LocalCluster } from '../local-cluster.ts';
import { byWeight, hashedByLocality, pickerByLocality } from './locality.ts';
import { type Candidate, createPicker, isHashed, type Picker } from './picker.ts';
import { type PriorityHealth, type PriorityLoad, priorityLoads } from './priority-load.ts';
import { pickerByZone } from './zone-routing.ts';

export interface BalanceOptions {
  policy: LoadBalancerConfig;
  priorities: PriorityConfig;
  random: Random;
  clock: Clock;
  stats: ClusterStats;
  /** The proxy's own cluster, where it knows it. */
  local?: LocalCluster | undefined;
}

interface Level {
  /** Each undefined when there are none; the healthy ones of a priority in panic are all. */
  readonly healthy: Picker | undefined;
  readonly degraded: Picker | undefined;
}

const noHash = new Word64();
const nobody: PriorityHealth = { total: 0, healthy: 0, degraded: 0 };

export class PrioritySet {
  private readonly counts: readonly PriorityHealth[];
  private readonly loads: readonly PriorityLoad[];
  private readonly levels: readonly Level[];
  /** Everything goes there: nothing is to be drawn. */
  private readonly only: Picker | undefined;
  private readonly hashed: boolean;
  private readonly drawn = new Word64();

  constructor(
    endpoints: readonly Endpoint[],
    private readonly options: BalanceOptions,
  ) {
    this.hashed = isHashed(options.policy);
    const members = byPriority(endpoints);
    this.counts = members.map((level) => ({
      total: level.length,
      healthy: level.filter(({ health }) => health === 'healthy').length,
      degraded: level.filter(({ health }) => health === 'degraded').length,
    }));
    this.loads = priorityLoads(this.counts, options.priorities.panicThreshold);
    this.levels = members.map((level, i) => this.level(level, i === 0, this.loads[i]!.panic));
    this.only = this.loads[0]?.healthy === 100 && !this.loads[0].panic ? this.levels[0]!.healthy : undefined;
  }

  /**
   * `hash`: where the policy goes by it; undefined: by chance. `excluded`: priorities to be left out while there are others. Undefined when
   * there is nobody to serve.
   */
  pick(hash: Word64 | undefined, attempt: number, excluded?: ReadonlySet<number>): Endpoint | undefined {
    const by = this.hashed ? (hash ?? this.draw()) : noHash;
    if (excluded !== undefined) return this.pickBy(this.loadsWithout(excluded), by, attempt);
    return this.only !== undefined ? this.only.pick(by, attempt) : this.pickBy(this.loads, by, attempt);
  }

  private pickBy(loads: readonly PriorityLoad[], by: Word64, attempt: number): Endpoint | undefined {
    let left = this.hashed ? by.modulo(100) : Math.floor(this.options.random.next() * 100);
    for (const [i, load] of loads.entries()) {
      if ((left -= load.healthy) >= 0) continue;
      if (load.panic) this.options.stats.lb_healthy_panic++;
      return this.levels[i]!.healthy?.pick(by, attempt);
    }
    for (const [i, load] of loads.entries()) if ((left -= load.degraded) < 0) return this.levels[i]!.degraded?.pick(by, attempt);
    return undefined;
  }

  /** As if those priorities had no endpoints; all as they are where nobody else could serve. */
  private loadsWithout(excluded: ReadonlySet<number>): readonly PriorityLoad[] {
    const rest = this.counts.map((count, i) => (excluded.has(i) ? nobody : count));
    const serves = rest.some(({ healthy, degraded }) => healthy + degraded > 0);
    return serves ? priorityLoads(rest, 0) : this.loads;
  }

  private draw(): Word64 {
    const { random } = this.options;
    return this.drawn.set(Math.floor(random.next() * 4_294_967_296), Math.floor(random.next() * 4_294_967_296));
  }

  private level(members: readonly Endpoint[], first: boolean, panic: boolean): Level {
    const among = (health: Endpoint['health']) => members.filter((endpoint) => endpoint.health === health);
    const { zoneAware, localityWeighted } = this.options.priorities;
    if (panic) {
      const nobody = zoneAware.failsInPanic && !localityWeighted;
      return { healthy: nobody ? undefined : this.picker(members, members, false), degraded: undefined };
    }
    return { healthy: this.picker(among('healthy'), members, first), degraded: this.picker(among('degraded'), members, false) };
  }

  /** `fit`: those to choose from, of all `members` of the priority. `byZone`: the own zone goes before others, where it is known. */
  private picker(fit: readonly Endpoint[], members: readonly Endpoint[], byZone: boolean): Picker | undefined {
    const { policy, priorities, random, clock, local, stats } = this.options;
    if (fit.length === 0) return undefined;
    const make = (candidates: readonly Candidate[]) => createPicker(policy, candidates, random, clock);
    if (!priorities.localityWeighted) {
      const zones = byZone && !this.hashed && local !== undefined;
      return zones ? pickerByZone(fit, { priorities, local, random, stats, make }) : make(byWeight(fit));
    }
    return this.hashed ? hashedByLocality(fit, members, make) : pickerByLocality(fit, members, make, random);
  }
}

/** The first priority first. Numbers that nobody has are levels without members, as they are to Envoy. */
function byPriority(endpoints: readonly Endpoint[]): Endpoint[][] {
  const levels: Endpoint[][] = [];
  for (const endpoint of endpoints) {
    while (levels.length <= endpoint.config.priority) levels.push([]);
    levels[endpoint.config.priority]!.push(endpoint);
  }
  return levels;
}
