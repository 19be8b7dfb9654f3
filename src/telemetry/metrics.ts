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

/** Labels by name: another value, or undefined for one that is left out. */
export type LabelChanges = Readonly<Record<string, string | undefined>>;

/** Undefined: the series does not have it. */
type LabelValues = readonly (string | undefined)[];

const labelNamesMax = 128;

/** Label values, in the order of the family's label names. */
export class Family<T extends Counter | Histogram> {
  readonly series = new Map<string, { labels: LabelValues; metric: T }>();
  readonly labelNames: string[];

  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly help: string,
    labelNames: readonly string[],
    private readonly make: () => T,
    private readonly seriesMax: number,
  ) {
    this.labelNames = [...labelNames];
  }

  /** Names that the family does not know become its own, behind the others. */
  changed(labels: readonly string[], changes: LabelChanges): T {
    const values: (string | undefined)[] = [...labels];
    for (const [name, value] of Object.entries(changes)) {
      let index = this.labelNames.indexOf(name);
      if (index < 0 && value !== undefined && this.labelNames.length < labelNamesMax) index = this.labelNames.push(name) - 1;
      if (index >= 0) values[index] = value;
    }
    return this.with(...values);
  }

  with(...labels: LabelValues): T {
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

  /** What has been counted until now. */
  snapshot(): FamilySnapshot[] {
    return this.families.flatMap((family) => {
      if (family.series.size === 0) return [];
      const { name, kind, help, labelNames } = family;
      return [{ name, kind, help, labelNames, series: [...family.series.values()].map(snapshotOf) }];
    });
  }

  /** The exposition format of Prometheus, version 0.0.4. */
  format(): string {
    return formatFamilies(this.snapshot());
  }
}

/** A family as plain data. */
export interface FamilySnapshot {
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly series: readonly SeriesSnapshot[];
}

interface SeriesSnapshot {
  readonly labels: LabelValues;
  readonly value: number | HistogramSnapshot;
}

/** Each count is of its own bucket; one more than there are bounds. */
type HistogramSnapshot = Pick<Histogram, 'bounds' | 'sum' | 'count'> & { readonly counts: readonly number[] };

function snapshotOf({ labels, metric }: { labels: LabelValues; metric: Counter | Histogram }): SeriesSnapshot {
  if (!(metric instanceof Histogram)) return { labels, value: metric.value };
  const { bounds, counts, sum, count } = metric;
  return { labels, value: { bounds, counts: [...counts], sum, count } };
}

/** Series of the same labels in one. */
export function addFamilies(a: readonly FamilySnapshot[], b: readonly FamilySnapshot[]): FamilySnapshot[] {
  const families = new Map(a.map((family) => [family.name, family]));
  for (const family of b) {
    const known = families.get(family.name);
    const labelNames = [...new Set([...(known?.labelNames ?? []), ...family.labelNames])];
    const series = new Map(known?.series.map((each) => [each.labels.join('\u0000'), each]));
    for (const found of family.series) {
      const each = { ...found, labels: reordered(found.labels, family.labelNames, labelNames) };
      const key = each.labels.join('\u0000');
      const same = series.get(key);
      series.set(key, same === undefined ? each : { labels: each.labels, value: addValues(same.value, each.value) });
    }
    families.set(family.name, { ...family, labelNames, series: [...series.values()] });
  }
  return [...families.values()];
}

/** As if the family had `names`; without undefined ones at its end. */
function reordered(labels: LabelValues, own: readonly string[], names: readonly string[]): LabelValues {
  if (own.every((name, i) => name === names[i])) return labels;
  const values = names.map((name) => (own.includes(name) ? labels[own.indexOf(name)] : undefined));
  return values.slice(0, values.findLastIndex((value) => value !== undefined) + 1);
}

function addValues(a: SeriesSnapshot['value'], b: SeriesSnapshot['value']): SeriesSnapshot['value'] {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b);
  return { bounds: a.bounds, counts: a.counts.map((count, i) => count + b.counts[i]!), sum: a.sum + b.sum, count: a.count + b.count };
}

export function formatFamilies(families: readonly FamilySnapshot[]): string {
  let text = '';
  for (const { name, kind, help, labelNames, series } of families) {
    text += `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
    for (const { labels, value } of series) {
      const pairs = labelNames.flatMap((label, i) => (labels[i] === undefined ? [] : [`${label}="${escapeLabel(labels[i])}"`])).join(',');
      text += typeof value === 'number' ? formatSample(name, pairs, value) : formatHistogram(name, pairs, value);
    }
  }
  return text;
}

/** One line: `name{pairs} value`. `pairs` are ready label pairs, comma-separated, or empty. */
export function formatSample(name: string, pairs: string, value: number): string {
  return pairs === '' ? `${name} ${value}\n` : `${name}{${pairs}} ${value}\n`;
}

function formatHistogram(name: string, pairs: string, histogram: HistogramSnapshot): string {
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
