// What the control plane would send to a proxy laid beside what the proxy has: `istioctl proxy-status POD`. Pure.
import type { DumpName } from '#xds/config-dump';
import type { ConfigDump, DumpedResource } from './config-dump.ts';
import { unifiedDiff } from './unified-diff.ts';

interface PartComparison {
  part: 'Clusters' | 'Listeners' | 'Routes';
  match: boolean;
  /** When the proxy took the last of them; RFC 3339, empty where there is none. */
  lastLoaded: string;
  /** Unified; empty where both have the same. */
  diff: string;
}

const parts: readonly (readonly [DumpName, PartComparison['part'], short: string])[] = [
  ['cluster', 'Clusters', 'CDS'],
  ['listener', 'Listeners', 'LDS'],
  ['route', 'Routes', 'RDS'],
];

export function compareDumps(intended: ConfigDump, held: ConfigDump): PartComparison[] {
  return parts.map(([name, part]) => {
    const dynamic = held.resources(name).filter(({ state }) => state === 'ACTIVE');
    const diff = unifiedDiff(
      { name: `Control plane ${part}`, text: textOf(intended.resources(name)) },
      { name: `Proxy ${part}`, text: textOf(dynamic) },
    );
    const [lastLoaded = ''] = dynamic
      .map(({ lastUpdated }) => lastUpdated)
      .sort()
      .reverse();
    return { part, match: diff === '', lastLoaded, diff };
  });
}

/** By name: the order in which they came does not matter. */
function textOf(resources: readonly DumpedResource[]): string {
  const sorted = [...resources].sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify(Object.fromEntries(sorted.map(({ name, config }) => [name, config])), null, 1);
}

export function formatComparison(comparison: readonly PartComparison[]): string {
  return comparison
    .map(({ part, match, lastLoaded, diff }) => {
      const [, , short = ''] = parts.find(([, each]) => each === part) ?? [];
      const loaded = lastLoaded === '' ? '' : ` (${short} last loaded at ${lastLoaded})`;
      return match ? `${part} Match${loaded}\n` : `${part} Don't Match${loaded}\n${diff}`;
    })
    .join('');
}
