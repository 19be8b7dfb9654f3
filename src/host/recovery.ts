// After a restart on durable data: the pods of the last run are still declared, and none of their programs runs.
import type { ApiObject } from '#api/kind';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { type Pod, podKind } from '#api/kinds/pod';
import type { Store } from '#store/store';

/** Takes back what the last run said of its pods, before anybody reads it: addresses and readiness, and the endpoints made of them. */
export async function forgetRuns(store: Store): Promise<void> {
  for (const pod of (await store.list(podKind)).items as Pod[]) {
    const { namespace = '', name, deletionTimestamp } = pod.metadata;
    if (deletionTimestamp !== undefined) await store.delete(podKind, namespace, name, { gracePeriodSeconds: 0 });
    const { phase } = pod.status ?? {};
    if (deletionTimestamp !== undefined || phase === undefined || phase === 'Succeeded' || phase === 'Failed') continue;
    await store.updateStatus({ ...pod, status: { phase: 'Pending' } } as ApiObject);
  }
  for (const { metadata } of (await store.list(endpointSliceKind)).items) {
    const ofService = metadata.ownerReferences?.some(({ kind }) => kind === 'Service');
    if (ofService) await store.delete(endpointSliceKind, metadata.namespace ?? '', metadata.name);
  }
}
