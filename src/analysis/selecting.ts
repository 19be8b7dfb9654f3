// Resources of one kind that select workloads of their namespace: who selects the same pods, and who selects all of them.
import { type ApiObject, keyOf } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { type Labels, podsOf } from './labels.ts';
import { grouped, type Resources } from './resources.ts';

export interface Selection<T extends ApiObject> {
  /** By `namespace/name` of the pod. */
  byPod: ReadonlyMap<string, T[]>;
  /** Those without a selector, by namespace. */
  ofNamespace: ReadonlyMap<string, T[]>;
}

/** `selectorOf` gives undefined where the resource selects nothing in particular. */
export function selection<T extends ApiObject>(
  resources: Resources,
  objects: readonly T[],
  selectorOf: (object: T) => Labels | undefined,
): Selection<T> {
  const byPod = objects.flatMap((object) =>
    selectedPods(resources, object, selectorOf(object)).map((pod) => [keyOf(pod.metadata), object] as const),
  );
  const general = objects.filter((object) => selectorOf(object) === undefined);
  return { byPod: grouped(byPod), ofNamespace: grouped(general.map((object) => [object.metadata.namespace ?? '', object] as const)) };
}

export function selectedPods(resources: Resources, object: ApiObject, selector: Labels | undefined): readonly Pod[] {
  if (!selector || Object.keys(selector).length === 0) return [];
  return podsOf(resources, selector, object.metadata.namespace);
}
