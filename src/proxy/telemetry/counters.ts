// Counters of filters, by Envoy's dotted names; looked up once, then held. Bounded: past the limit, new names share one.

export interface Counter {
  value: number;
}

const countersMax = 10_000;

export class Counters {
  private readonly byName = new Map<string, Counter>();

  get(name: string): Counter {
    const wanted = this.byName.size < countersMax || this.byName.has(name) ? name : 'filters.overflow';
    let counter = this.byName.get(wanted);
    if (counter === undefined) this.byName.set(wanted, (counter = { value: 0 }));
    return counter;
  }

  values(): Record<string, number> {
    return Object.fromEntries([...this.byName].map(([name, { value }]) => [name, value]));
  }
}
