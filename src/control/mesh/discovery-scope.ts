// MeshConfig's `discoverySelectors`: of which namespaces the mesh knows anything. The objects of the others are kept aside, since labels and
// selectors change. Pure. https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/
import { type ApiObject, keyOf } from '#api/kind';
import type { LabelSelector } from '#api/kubernetes-kinds';
import { matchesSelector } from '#api/label-selector';
import type { SourceEvent } from '#control/sources/event';
import type { MeshSnapshot } from './snapshot.ts';

type Known = Pick<MeshSnapshot, 'objects' | 'undiscovered'>;

/** Kubernetes gives it to every namespace. */
const nameLabel = 'kubernetes.io/metadata.name';

/**
 * `events` as a mesh hears them that knows of the discovered namespaces alone: of an object of another it hears that it is gone, where it
 * knew it. `selectors`: any of them; none at all discovers everything. `changed`: they are not those that `known` was made with.
 */
export function discovered(
  known: Known,
  selectors: readonly LabelSelector[],
  changed: boolean,
  events: readonly SourceEvent[],
): { events: readonly SourceEvent[]; undiscovered: Known['undiscovered'] } {
  if (selectors.length === 0 && known.undiscovered.size === 0) return { events, undiscovered: known.undiscovered };
  const aside = new Map(known.undiscovered);
  const isDiscovered = discovery(selectors, known.objects.get('Namespace')?.values() ?? [], events);
  const heard: SourceEvent[] = [];
  if (changed || events.some((event) => kindOf(event) === 'Namespace')) {
    for (const object of [...known.objects.values()].flatMap((table) => [...table.values()])) {
      if (isDiscovered(object.metadata.namespace, object.kind)) continue;
      aside.set(asideKey(object.kind, object.metadata), object);
      heard.push(deletionOf(object));
    }
    for (const [key, object] of aside) {
      if (!isDiscovered(object.metadata.namespace, object.kind)) continue;
      aside.delete(key);
      heard.push({ type: 'set', object });
    }
  }
  for (const event of events) {
    const kind = kindOf(event);
    const meta = event.type === 'set' ? event.object.metadata : event;
    if (isDiscovered(meta.namespace, kind)) {
      heard.push(event);
      continue;
    }
    if (event.type === 'set') aside.set(asideKey(kind, meta), event.object);
    else aside.delete(asideKey(kind, meta));
    const before = known.objects.get(kind)?.get(keyOf(meta));
    if (before) heard.push(deletionOf(before));
  }
  return { events: heard, undiscovered: aside };
}

/** Of namespaces as they are after `events`. What is of no namespace is always discovered. */
function discovery(
  selectors: readonly LabelSelector[],
  namespaces: Iterable<ApiObject>,
  events: readonly SourceEvent[],
): (namespace: string | undefined, kind: string) => boolean {
  const labels = new Map([...namespaces].map(({ metadata }) => [metadata.name, metadata.labels]));
  for (const event of events) {
    if (kindOf(event) !== 'Namespace') continue;
    if (event.type === 'set') labels.set(event.object.metadata.name, event.object.metadata.labels);
    else labels.delete(event.name);
  }
  const verdicts = new Map<string, boolean>();
  return (namespace, kind) => {
    if (!namespace || kind === 'Namespace' || selectors.length === 0) return true;
    let verdict = verdicts.get(namespace);
    if (verdict === undefined) {
      const all = { [nameLabel]: namespace, ...labels.get(namespace) };
      verdict = selectors.some((selector) => matchesSelector(selector, all));
      verdicts.set(namespace, verdict);
    }
    return verdict;
  };
}

const kindOf = (event: SourceEvent): string => (event.type === 'set' ? event.object.kind : event.kind);

const asideKey = (kind: string, meta: { namespace?: string; name: string }): string => `${kind} ${keyOf(meta)}`;

function deletionOf({ kind, metadata: { namespace = '', name } }: ApiObject): SourceEvent {
  return { type: 'delete', kind, namespace, name };
}
