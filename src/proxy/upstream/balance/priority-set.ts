// The endpoints of a cluster in the order of balancing: first a priority, then healthy or degraded ones, then a locality where localities
// have weights, then one endpoint by the cluster's policy. Made anew whenever endpoints or their health change; picking is O(log n).
import { Word64 } from '#codec/hash/word64';
import type { Clock } from '#foundation/clock';
import type { Random } from '#foundation/random';
import type { LoadBalancerConfig, PriorityConfig } from '#proxy/config/load-balancer';
import type { ClusterStats } from '../cluster-stats.ts';
import type { Endpoint } from '../endpoint.ts';
import { byWeight, hashedByLocality, pickerByLocality } from './locality.ts';
import { type Candidate, createPicker, isHashed, type Picker } from './picker.ts';
import { type PriorityLoad, priorityLoads } from './priority-load.ts';

export interface BalanceOptions {
  policy: LoadBalancerConfig;
  priorities: PriorityConfig;
  random: Random;
  clock: Clock;
  stats: ClusterStats;
}

interface Level {
  readonly load: PriorityLoad;
  /** Each undefined when there are none; the healthy ones of a priority in panic are all. */
  readonly healthy: Picker | undefined;
  readonly degraded: Picker | undefined;
}

const noHash = new Word64();

export class PrioritySet {
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
    const counts = members.map((level) => ({
      total: level.length,
      healthy: level.filter(({ health }) => health === 'healthy').length,
      degraded: level.filter(({ health }) => health === 'degraded').length,
    }));
    const loads = priorityLoads(counts, options.priorities.panicThreshold);
    this.levels = members.map((level, i) => this.level(level, loads[i]!));
    const [first] = this.levels;
    this.only = first?.load.healthy === 100 && !first.load.panic ? first.healthy : undefined;
  }

  /** `hash`: where the policy goes by it; undefined: by chance. Undefined when there is nobody to serve. */
  pick(hash: Word64 | undefined, attempt: number): Endpoint | undefined {
    const by = this.hashed ? (hash ?? this.draw()) : noHash;
    if (this.only !== undefined) return this.only.pick(by, attempt);
    let left = this.hashed ? by.modulo(100) : Math.floor(this.options.random.next() * 100);
    for (const level of this.levels) {
      if ((left -= level.load.healthy) >= 0) continue;
      if (level.load.panic) this.options.stats.lb_healthy_panic++;
      return level.healthy?.pick(by, attempt);
    }
    for (const level of this.levels) if ((left -= level.load.degraded) < 0) return level.degraded?.pick(by, attempt);
    return undefined;
  }

  private draw(): Word64 {
    const { random } = this.options;
    return this.drawn.set(Math.floor(random.next() * 4_294_967_296), Math.floor(random.next() * 4_294_967_296));
  }

  private level(members: readonly Endpoint[], load: PriorityLoad): Level {
    const among = (health: Endpoint['health']) => members.filter((endpoint) => endpoint.health === health);
    if (load.panic) return { load, healthy: this.picker(members, members), degraded: undefined };
    return { load, healthy: this.picker(among('healthy'), members), degraded: this.picker(among('degraded'), members) };
  }

  /** `fit`: those to choose from, of all `members` of the priority. */
  private picker(fit: readonly Endpoint[], members: readonly Endpoint[]): Picker | undefined {
    const { policy, priorities, random, clock } = this.options;
    if (fit.length === 0) return undefined;
    const make = (candidates: readonly Candidate[]) => createPicker(policy, candidates, random, clock);
    if (!priorities.localityWeighted) return make(byWeight(fit));
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
