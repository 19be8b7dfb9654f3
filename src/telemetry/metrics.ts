// Counters, gauges and histograms with labels, and Prometheus' text of them. A series is looked up once and then held, so
// that counting is an addition. Every family is bounded: past its limit, new label values share one series.

export interface Counter {
  value: number;
}

export class Histogram {
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  /** `bounds`: upper limits in rising order; one more bucket takes the rest. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= this.bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.counts[low]!++;
    this.sum += value;
    this.count++;
  }
}

type Kind = 'counter' | 'gauge' | 'histogram';

/** Label values, in the order of the family's label names. */
export class Family<T extends Counter | Histogram> {
  readonly series = new Map<string, { labels: readonly string[]; metric: T }>();

  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly help: string,
    readonly labelNames: readonly string[],
    private readonly make: () => T,
    private readonly seriesMax: number,
  ) {}

  with(...labels: readonly string[]): T {
    const key = labels.join('\u0000');
    const found = this.series.get(key);
    if (found !== undefined) return found.metric;
    if (this.series.size >= this.seriesMax) return this.overflow();
    const metric = this.make();
    this.series.set(key, { labels, metric });
    return metric;
  }

  private overflow(): T {
    const labels = this.labelNames.map(() => 'overflow');
    const key = labels.join('\u0000');
    let found = this.series.get(key);
    if (found === undefined) {
      found = { labels, metric: this.make() };
      this.series.set(key, found);
    }
    return found.metric;
  }
}

const seriesMaxDefault = 5_000;

export class MetricsRegistry {
  private readonly families: Family<Counter | Histogram>[] = [];

  counter(name: string, help: string, labelNames: readonly string[] = [], seriesMax = seriesMaxDefault): Family<Counter> {
    return this.add(new Family<Counter>(name, 'counter', help, labelNames, () => ({ value: 0 }), seriesMax));
  }

  gauge(name: string, help: string, labelNames: readonly string[] = [], seriesMax = seriesMaxDefault): Family<Counter> {
    return this.add(new Family<Counter>(name, 'gauge', help, labelNames, () => ({ value: 0 }), seriesMax));
  }

  histogram(name: string, help: string, bounds: readonly number[], labelNames: readonly string[] = [], seriesMax = seriesMaxDefault) {
    return this.add(new Family<Histogram>(name, 'histogram', help, labelNames, () => new Histogram(bounds), seriesMax));
  }

  private add<T extends Counter | Histogram>(family: Family<T>): Family<T> {
    this.families.push(family as unknown as Family<Counter | Histogram>);
    return family;
  }

  /** The exposition format of Prometheus, version 0.0.4. */
  format(): string {
    let text = '';
    for (const family of this.families) {
      if (family.series.size === 0) continue;
      text += `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.kind}\n`;
      for (const { labels, metric } of family.series.values()) {
        const pairs = family.labelNames.map((name, i) => `${name}="${escapeLabel(labels[i] ?? '')}"`).join(',');
        text +=
          metric instanceof Histogram ? formatHistogram(family.name, pairs, metric) : `${formatSample(family.name, pairs, metric.value)}`;
      }
    }
    return text;
  }
}

/** One line: `name{pairs} value`. `pairs` are ready label pairs, comma-separated, or empty. */
export function formatSample(name: string, pairs: string, value: number): string {
  return pairs === '' ? `${name} ${value}\n` : `${name}{${pairs}} ${value}\n`;
}

function formatHistogram(name: string, pairs: string, histogram: Histogram): string {
  const comma = pairs === '' ? '' : ',';
  let text = '';
  let below = 0;
  histogram.bounds.forEach((bound, i) => {
    below += histogram.counts[i]!;
    text += formatSample(`${name}_bucket`, `${pairs}${comma}le="${bound}"`, below);
  });
  text += formatSample(`${name}_bucket`, `${pairs}${comma}le="+Inf"`, histogram.count);
  return text + formatSample(`${name}_sum`, pairs, histogram.sum) + formatSample(`${name}_count`, pairs, histogram.count);
}

export function escapeLabel(value: string): string {
  return /["\\\n]/.test(value) ? value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : value;
}

/** Envoy's default buckets; milliseconds or bytes. */
export const envoyBuckets: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
];
