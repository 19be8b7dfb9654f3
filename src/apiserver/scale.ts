// The subresource `scale`: the replicas of a Deployment, ReplicaSet or StatefulSet as an object of its own. Pure.
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import { StoreError } from '#store/store-error';

type Scalable = ApiObject & {
  spec: { replicas?: number; selector?: { matchLabels?: Record<string, string> } };
  status?: { replicas?: number };
};

export function scaleOf(object: ApiObject): object {
  const { metadata, spec, status } = object as Scalable;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = Object.entries(spec.selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, selector: selector.join(',') },
  };
}

/** The object with the replicas that a Scale asks for. Throws StoreError INVALID. */
export function scaled(object: ApiObject, scale: unknown): ApiObject {
  const spec = isPlainObject(scale) && isPlainObject(scale['spec']) ? scale['spec'] : {};
  const replicas = spec['replicas'] ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    const { name } = object.metadata;
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    throw new StoreError('INVALID', `Scale.autoscaling "${name}" is invalid: spec.replicas: ${message}`, {
      problems: [{ level: 'error', code: 'OUT_OF_RANGE', field: 'spec.replicas', message }],
      subject: { kind: 'Scale', group: 'autoscaling', name },
    });
  }
  const { metadata } = scale as { metadata?: { resourceVersion?: string } };
  const { resourceVersion = object.metadata.resourceVersion } = metadata ?? {};
  return {
    ...object,
    metadata: { ...object.metadata, ...(resourceVersion !== undefined && { resourceVersion }) },
    spec: { ...(object as Scalable).spec, replicas },
  } as ApiObject;
}
