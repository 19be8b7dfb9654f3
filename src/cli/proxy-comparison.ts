// What the control plane would send to a proxy laid beside what the proxy has: `istioctl proxy-status POD`. Pure.
import type { DumpName } from '#xds/config-dump';
import { addressOf, at, type ConfigDump, type DumpedResource, listOf, textOf as scalarText } from './config-dump.ts';
import { unifiedDiff } from './unified-diff.ts';

interface PartComparison {
  part: 'Clusters' | 'Listeners' | 'Routes' | 'Endpoints';
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
  ['endpoint', 'Endpoints', 'EDS'],
];

export function compareDumps(intended: ConfigDump, held: ConfigDump): PartComparison[] {
  // A dump has endpoints only where they were asked for.
  const told = parts.filter(([name]) => name !== 'endpoint' || held.resources(name).length > 0);
  return told.map(([name, part]) => {
    const dynamic = held.resources(name).filter(({ state }) => state === 'ACTIVE');
    const diff = unifiedDiff(
      { name: `Control plane ${part}`, text: textOf(intended.resources(name), name) },
      { name: `Proxy ${part}`, text: textOf(dynamic, name) },
    );
    const [lastLoaded = ''] = dynamic
      .map(({ lastUpdated }) => lastUpdated)
      .sort()
      .reverse();
    return { part, match: diff === '', lastLoaded, diff };
  });
}

/** By name: the order in which they came does not matter. */
function textOf(resources: readonly DumpedResource[], part: DumpName): string {
  const sorted = [...resources].sort((a, b) => (a.name < b.name ? -1 : 1));
  const shown = ({ config }: DumpedResource) => (part === 'endpoint' ? addressesOf(config) : config);
  return JSON.stringify(Object.fromEntries(sorted.map((resource) => [resource.name, shown(resource)])), null, 1);
}

/** By priority: an Envoy adds to its endpoints what it knows of their health. */
function addressesOf(config: DumpedResource['config']): Record<string, string[]> {
  const byPriority: Record<string, string[]> = {};
  for (const locality of listOf(config['endpoints'])) {
    const found = listOf(locality['lb_endpoints']).map((endpoint) => {
      const { address, port } = addressOf(at(endpoint, 'endpoint', 'address'));
      return port === '' ? address : `${address}:${port}`;
    });
    const all = (byPriority[`priority ${scalarText(locality['priority']) || '0'}`] ??= []);
    all.push(...found);
    all.sort();
  }
  return byPriority;
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
