// Kubernetes' label selectors, on labels. Pure.
import type { LabelSelector } from './kubernetes-kinds.ts';

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
