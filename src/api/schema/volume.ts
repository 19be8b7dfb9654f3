// The volumes of a pod and what stands in them. Kinds of volumes that this machine has no storage for are carried, not read.
import { Type } from '@sinclair/typebox';
import { bool, int32, message, opaqueObject, quantity, text } from './field.ts';

export const fieldRefSchema = message({ apiVersion: text, fieldPath: text }, ['fieldPath']);
export const resourceFieldRefSchema = message({ containerName: text, resource: text, divisor: quantity }, ['resource']);

const keyItems = Type.Array(message({ key: text, path: text, mode: int32 }, ['key', 'path']));
const downwardItems = Type.Array(
  message({ path: text, fieldRef: fieldRefSchema, resourceFieldRef: resourceFieldRefSchema, mode: int32 }, ['path']),
);

const projectionSchema = message({
  configMap: message({ name: text, items: keyItems, optional: bool }),
  secret: message({ name: text, items: keyItems, optional: bool }),
  downwardAPI: message({ items: downwardItems }),
  serviceAccountToken: message({ path: text, audience: text, expirationSeconds: Type.Integer() }, ['path']),
  clusterTrustBundle: opaqueObject,
  podCertificate: opaqueObject,
});

export const volumeSchema = message(
  {
    name: text,
    configMap: message({ name: text, items: keyItems, optional: bool, defaultMode: int32 }),
    secret: message({ secretName: text, items: keyItems, optional: bool, defaultMode: int32 }),
    downwardAPI: message({ items: downwardItems, defaultMode: int32 }),
    projected: message({ defaultMode: int32, sources: Type.Array(projectionSchema) }),
    emptyDir: message({ medium: text, sizeLimit: quantity }),
    hostPath: message({ path: text, type: text }, ['path']),
    persistentVolumeClaim: message({ claimName: text, readOnly: bool }, ['claimName']),
    nfs: message({ server: text, path: text, readOnly: bool }, ['server', 'path']),
    ...{ awsElasticBlockStore: opaqueObject, azureDisk: opaqueObject, azureFile: opaqueObject, cephfs: opaqueObject },
    ...{ cinder: opaqueObject, csi: opaqueObject, ephemeral: opaqueObject, fc: opaqueObject, flexVolume: opaqueObject },
    ...{ flocker: opaqueObject, gcePersistentDisk: opaqueObject, gitRepo: opaqueObject, glusterfs: opaqueObject },
    ...{ image: opaqueObject, iscsi: opaqueObject, photonPersistentDisk: opaqueObject, portworxVolume: opaqueObject },
    ...{ quobyte: opaqueObject, rbd: opaqueObject, scaleIO: opaqueObject, storageos: opaqueObject, vsphereVolume: opaqueObject },
  },
  ['name'],
);

export const volumeMountSchema = message(
  {
    name: text,
    mountPath: text,
    subPath: text,
    subPathExpr: text,
    readOnly: bool,
    recursiveReadOnly: text,
    mountPropagation: text,
  },
  ['name', 'mountPath'],
);
