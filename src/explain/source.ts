// The workloads that calls are generated for: one of each kind that the configuration can tell apart. Pure.
import type { World } from './world.ts';

/** As `from` of calls, `name.namespace`; undefined is the ingress gateway, where there is one. Sorted. */
export function sourcesOf(worlds: readonly World[]): (string | undefined)[] {
  const labels = new Set(worlds.flatMap((world) => [...labelsAskedFor(world)]));
  const kinds = new Map<string, string>();
  const pods = worlds.flatMap((world) => world.pods).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  for (const { metadata } of pods) {
    if (metadata.labels?.['istio'] === 'ingressgateway') continue;
    const namespace = metadata.namespace ?? 'default';
    const told = [...labels].sort().map((label) => metadata.labels?.[label] ?? null);
    const key = JSON.stringify([namespace, told]);
    if (kinds.has(key)) continue;
    // An app's name means something after the next rollout as well; where the app is of several kinds, it names the first.
    const app = `${metadata.labels?.['app'] ?? metadata.name}.${namespace}`;
    kinds.set(key, [...kinds.values()].includes(app) ? `${metadata.name}.${namespace}` : app);
  }
  return [...[...kinds.values()].sort(), undefined];
}

/** Labels by which some rule tells clients apart. */
function labelsAskedFor({ snapshot }: World): Set<string> {
  const selectors = [
    ...[...snapshot.virtualServices.values()].flatMap(({ object: { spec } }) =>
      [...(spec.http ?? []), ...(spec.tcp ?? []), ...(spec.tls ?? [])].flatMap(({ match }) =>
        (match ?? []).map(({ sourceLabels }) => sourceLabels),
      ),
    ),
    ...[...snapshot.sidecars.values()].map(({ object }) => object.spec.workloadSelector?.labels),
    ...[...snapshot.destinationRules.values()].map(({ object }) => object.spec.workloadSelector?.matchLabels),
  ];
  return new Set(selectors.flatMap((selector) => Object.keys(selector ?? {})));
}
