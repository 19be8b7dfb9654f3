// Labels and their selectors; and the pods that a selector takes, found without looking at all of them.

import type { Pod } from '#api/kinds/pod';
import type { LabelSelector } from '#api/kubernetes-kinds';
import { grouped, type Resources } from './resources.ts';

export type Labels = Readonly<Record<string, string>>;

/** Whether all labels of the selector are there; an empty selector takes everything. */
export function selects(selector: Labels, labels: Labels = {}): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Kubernetes' LabelSelector: labels and expressions must all hold; none at all takes everything. */
export function matchesSelector(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (!selector) return true;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    selects(matchLabels, labels) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        default:
          return value === undefined;
      }
    })
  );
}

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
