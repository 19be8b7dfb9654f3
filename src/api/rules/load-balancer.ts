// What Istio asks of the load balancing of a DestinationRule beyond its structure.
import type { TrafficPolicy } from '../kinds/destination-rule.ts';
import type { Report } from './report.ts';

type LoadBalancer = NonNullable<TrafficPolicy['loadBalancer']>;
type LocalitySetting = NonNullable<LoadBalancer['localityLbSetting']>;
type ZoneSetting = NonNullable<LoadBalancer['zoneAwareLbSetting']>;

const maglevTableSizeMax = 5_000_011;
const aggressionMin = 1;

export function checkLoadBalancer(lb: LoadBalancer | undefined, detectsOutliers: boolean, at: string, report: Report): void {
  if (!lb) return;
  checkConsistentHash(lb.consistentHash, `${at}.consistentHash`, report);
  if (lb.localityLbSetting) checkLocalitySetting(lb.localityLbSetting, detectsOutliers, `${at}.localityLbSetting`, report);
  if (lb.zoneAwareLbSetting) checkZoneSetting(lb.zoneAwareLbSetting, `${at}.zoneAwareLbSetting`, report);
  if (lb.warmup?.aggression !== undefined && lb.warmup.aggression < aggressionMin) {
    report.error('OUT_OF_RANGE', `${at}.warmup.aggression`, `must be at least ${aggressionMin}, not ${lb.warmup.aggression}`);
  }
}

function checkConsistentHash(hash: LoadBalancer['consistentHash'], at: string, report: Report): void {
  if (!hash) return;
  const { minimumRingSize, ringHash, maglev, httpCookie } = hash;
  if (httpCookie?.name === '') report.error('MISSING_FIELD', `${at}.httpCookie.name`, 'must not be empty');
  if (minimumRingSize) {
    report.warning('DEPRECATED', `${at}.minimumRingSize`, 'is deprecated', 'use ringHash.minimumRingSize');
    if (ringHash || maglev) report.error('CONFLICTING_FIELDS', `${at}.minimumRingSize`, 'minimumRingSize excludes ringHash and maglev');
  }
  if (!maglev) return;
  const { tableSize = 0 } = maglev;
  if (tableSize >= maglevTableSizeMax || !isPrime(tableSize)) {
    report.error(
      'OUT_OF_RANGE',
      `${at}.maglev.tableSize`,
      `must be a prime number below ${maglevTableSizeMax}, not ${tableSize}`,
      'such as 65537',
    );
  }
}

function isPrime(n: number): boolean {
  if (n < 1 || (n > 3 && n % 2 === 0)) return false;
  for (let factor = 3; factor * factor <= n; factor += 2) if (n % factor === 0) return false;
  return true; // Envoy counts 1 among them
}

function checkLocalitySetting(setting: LocalitySetting, detectsOutliers: boolean, at: string, report: Report): void {
  const { distribute = [], failover = [], failoverPriority = [] } = setting;
  if (distribute.length > 0 && failover.length > 0) report.error('CONFLICTING_FIELDS', at, 'distribute and failover exclude each other');
  const topology = failoverPriority.find((label) => topologyLabel.test(label));
  if (failover.length > 0 && topology)
    report.error('CONFLICTING_FIELDS', `${at}.failoverPriority`, `failover excludes the label ${topology}`);
  checkLocalities(
    distribute.map(({ from = '' }) => from),
    (index) => `${at}.distribute[${index}].from`,
    report,
  );
  for (const [index, { to = {} }] of distribute.entries()) {
    const field = `${at}.distribute[${index}].to`;
    const weights = Object.values(to);
    if (weights.some((weight) => weight < 1 || weight > 100)) report.error('OUT_OF_RANGE', field, 'each weight must be between 1 and 100');
    else if (weights.reduce((sum, weight) => sum + weight, 0) !== 100)
      report.error('INVALID_WEIGHTS', field, 'the weights must add up to 100');
    checkLocalities(Object.keys(to), () => field, report);
  }
  if ((failover.length > 0 || failoverPriority.length > 0) && !detectsOutliers) {
    report.warning('NO_EFFECT', at, 'without outlierDetection nothing fails over', 'add outlierDetection beside loadBalancer');
  }
  checkFailover(failover, `${at}.failover`, report);
}

const topologyLabel = /^topology\.(kubernetes\.io\/(region|zone)|istio\.io\/subzone)(=|$)/;

/** Regions, zones and subzones are told apart anyway. */
function checkZoneSetting({ failover = [], failoverPriority = [] }: ZoneSetting, at: string, report: Report): void {
  const topology = failoverPriority.findIndex((label) => topologyLabel.test(label));
  if (topology >= 0) {
    const field = `${at}.failoverPriority[${topology}]`;
    report.error('INVALID_VALUE', field, `${failoverPriority[topology]} counts in any case`, 'leave it away');
  }
  checkFailover(failover, `${at}.failover`, report);
}

function checkFailover(failover: NonNullable<ZoneSetting['failover']>, at: string, report: Report): void {
  for (const [index, { from = '', to = '' }] of failover.entries()) {
    const field = `${at}[${index}]`;
    if (from === to) report.error('CONFLICTING_FIELDS', field, `from and to are both "${from}"`, 'name two regions');
    if (/[/*]/.test(from + to)) report.error('INVALID_VALUE', field, 'from and to are regions: without zone and wildcard');
  }
}

/** `region/zone/subzone`, or fewer parts, or a last part of `*`; none may cover another. */
function checkLocalities(localities: readonly string[], field: (index: number) => string, report: Report): void {
  for (const [index, locality] of localities.entries()) {
    const parts = locality.split('/');
    const star = locality.indexOf('*');
    if (parts.length > 3 || parts.includes('') || (star >= 0 && star < locality.length - 1)) {
      report.error(
        'INVALID_VALUE',
        field(index),
        `"${locality}" is no locality`,
        'write region, region/zone, region/zone/subzone or region/*',
      );
    }
    const before = localities.slice(0, index).find((other) => covers(other, locality) || covers(locality, other));
    if (before !== undefined) report.error('DUPLICATE_NAME', field(index), `locality "${locality}" overlaps with "${before}"`);
  }
}

function covers(wide: string, narrow: string): boolean {
  const stem = wide.replace(/\/?\*$/, '');
  return stem === '' || narrow === stem || narrow.startsWith(`${stem}/`);
}
