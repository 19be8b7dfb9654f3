// Which endpoints stand out by the share of their requests that fail, over one interval: Envoy's success rate and failure percentage. Pure.
import type { FailurePercentageConfig, SuccessRateConfig } from '#proxy/config/outlier-detection';

/** What one endpoint did in an interval. */
export interface Outcomes {
  total: number;
  succeeded: number;
}

/** Those well below the others: by so many standard deviations from the mean of all. */
export function outliersBySuccessRate<T>(hosts: ReadonlyMap<T, Outcomes>, config: SuccessRateConfig): T[] {
  const rates = judged(hosts, config);
  if (rates.length === 0) return [];
  const mean = rates.reduce((sum, { rate }) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rates.length;
  const threshold = mean - config.stdevFactor * Math.sqrt(variance);
  return rates.filter(({ rate }) => rate < threshold).map(({ host }) => host);
}

/** Those of whose requests too many fail, whatever the others do. */
export function outliersByFailurePercentage<T>(hosts: ReadonlyMap<T, Outcomes>, config: FailurePercentageConfig): T[] {
  return judged(hosts, config)
    .filter(({ rate }) => 100 - rate >= config.threshold)
    .map(({ host }) => host);
}

/** With their success in percent. None, where too few have had enough requests to be compared. */
function judged<T>(
  hosts: ReadonlyMap<T, Outcomes>,
  { hostsMin, requestsMin }: { hostsMin: number; requestsMin: number },
): { host: T; rate: number }[] {
  const busy = [...hosts].filter(([, { total }]) => total > 0 && total >= requestsMin);
  if (busy.length < hostsMin) return [];
  return busy.map(([host, { total, succeeded }]) => ({ host, rate: (100 * succeeded) / total }));
}
