// Labels and their selectors; and the pods that a selector takes, found without looking at all of them.

import type { Pod } from '#api/kinds/pod';
import { type Labels, selects } from '#api/label-selector';
import { grouped, type Resources } from './resources.ts';

export { type Labels, matchesSelector, selects } from '#api/label-selector';

/** `app=reviews,version=v1`. */
export function selectorText(selector: Labels): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

const podsByLabel = (resources: Resources) =>
  grouped(
    resources
      .all<Pod>('/Pod')
      .flatMap((pod) => Object.entries(pod.metadata.labels ?? {}).map(([key, value]) => [`${key}=${value}`, pod] as const)),
  );
const podsByNamespace = (resources: Resources) =>
  grouped(resources.all<Pod>('/Pod').map((pod) => [pod.metadata.namespace ?? '', pod] as const));

/** Of all namespaces, or of one. */
export function podsOf(resources: Resources, selector: Labels, namespace?: string): readonly Pod[] {
  const candidates = narrowest(resources, selector, namespace);
  return candidates.filter(
    (pod) => (namespace === undefined || pod.metadata.namespace === namespace) && selects(selector, pod.metadata.labels),
  );
}

function narrowest(resources: Resources, selector: Labels, namespace: string | undefined): readonly Pod[] {
  const byLabel = resources.derived(podsByLabel);
  const lists = Object.entries(selector).map(([key, value]) => byLabel.get(`${key}=${value}`) ?? []);
  if (namespace !== undefined) lists.push(resources.derived(podsByNamespace).get(namespace) ?? []);
  return lists.length === 0 ? resources.all<Pod>('/Pod') : lists.reduce((best, list) => (list.length < best.length ? list : best));
}
