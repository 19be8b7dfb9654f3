// The control plane's own figures, named like Istio's, as Prometheus text.
import { type TypeUrl, typeUrl } from '#xds/resource-type';

/** Istio's short names of the types. */
export const shortTypeName: Readonly<Record<TypeUrl, 'cds' | 'eds' | 'lds' | 'rds' | 'vhds' | 'sds' | 'ecds' | 'nds'>> = {
  [typeUrl.cluster]: 'cds',
  [typeUrl.endpoint]: 'eds',
  [typeUrl.listener]: 'lds',
  [typeUrl.route]: 'rds',
  [typeUrl.virtualHost]: 'vhds',
  [typeUrl.secret]: 'sds',
  [typeUrl.extension]: 'ecds',
  [typeUrl.nameTable]: 'nds',
};

/** Upper bounds, seconds. */
const convergenceBounds = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 3, 5, 10, 20, 30];

export class DiscoveryMetrics {
  private readonly pushes = new Map<string, number>();
  private readonly rejects = new Map<string, number>();
  private readonly convergence = convergenceBounds.map(() => 0);
  private convergenceCount = 0;
  private convergenceSum = 0;

  pushed(type: TypeUrl): void {
    count(this.pushes, shortTypeName[type]);
  }

  rejected(type: TypeUrl): void {
    count(this.rejects, shortTypeName[type]);
  }

  /** From the change of configuration to the last acknowledgement of one proxy. */
  converged(ms: number): void {
    const seconds = ms / 1000;
    this.convergenceCount++;
    this.convergenceSum += seconds;
    for (const [i, bound] of convergenceBounds.entries()) if (seconds <= bound) this.convergence[i] = (this.convergence[i] ?? 0) + 1;
  }

  /** `gauges`: name without labels -> value now. */
  text(gauges: Readonly<Record<string, number>>): string {
    const lines: string[] = [];
    for (const [name, value] of Object.entries(gauges)) lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
    lines.push('# TYPE pilot_xds_pushes counter');
    for (const [type, value] of this.pushes) lines.push(`pilot_xds_pushes{type="${type}"} ${value}`);
    lines.push('# TYPE pilot_total_xds_rejects counter');
    for (const [type, value] of this.rejects) lines.push(`pilot_total_xds_rejects{type="${type}"} ${value}`);
    lines.push('# TYPE pilot_proxy_convergence_time histogram');
    for (const [i, bound] of convergenceBounds.entries())
      lines.push(`pilot_proxy_convergence_time_bucket{le="${bound}"} ${this.convergence[i]}`);
    lines.push(`pilot_proxy_convergence_time_bucket{le="+Inf"} ${this.convergenceCount}`);
    lines.push(`pilot_proxy_convergence_time_sum ${this.convergenceSum}`, `pilot_proxy_convergence_time_count ${this.convergenceCount}`);
    return `${lines.join('\n')}\n`;
  }
}

function count(counters: Map<string, number>, key: string): void {
  counters.set(key, (counters.get(key) ?? 0) + 1);
}
