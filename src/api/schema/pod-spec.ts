// The pod of Kubernetes as far as this mesh reads it; shared by Pod and by the templates of Deployments. What is not
// read passes unchecked: the whole PodSpec has hundreds of fields.
import { Type } from '@sinclair/typebox';
import { bool, int32, intOrString, opaque, openMessage, port, stringMap, text, texts } from './field.ts';
import { templateMetaSchema } from './metadata.ts';

const envVarSchema = openMessage(
  {
    name: text,
    value: text,
    valueFrom: openMessage({
      fieldRef: openMessage({ fieldPath: text }, ['fieldPath']),
      configMapKeyRef: openMessage({ name: text, key: text, optional: bool }, ['key']),
      secretKeyRef: openMessage({ name: text, key: text, optional: bool }, ['key']),
    }),
  },
  ['name'],
);

const probeSchema = openMessage({
  httpGet: openMessage(
    {
      path: text,
      port: intOrString,
      host: text,
      scheme: text,
      httpHeaders: Type.Array(openMessage({ name: text, value: text }, ['name'])),
    },
    ['port'],
  ),
  tcpSocket: openMessage({ port: intOrString, host: text }, ['port']),
  exec: openMessage({ command: texts }),
  grpc: openMessage({ port, service: text }, ['port']),
  initialDelaySeconds: int32,
  periodSeconds: int32,
  timeoutSeconds: int32,
  successThreshold: int32,
  failureThreshold: int32,
});

const containerSchema = openMessage(
  {
    name: text,
    image: text,
    imagePullPolicy: text,
    command: texts,
    args: texts,
    workingDir: text,
    ports: Type.Array(
      openMessage({ name: text, containerPort: port, protocol: text, hostPort: Type.Integer(), hostIP: text }, ['containerPort']),
    ),
    env: Type.Array(envVarSchema),
    envFrom: opaque,
    readinessProbe: probeSchema,
    livenessProbe: probeSchema,
    startupProbe: probeSchema,
    volumeMounts: Type.Array(openMessage({ name: text, mountPath: text }, ['name', 'mountPath'])),
    resources: opaque,
    securityContext: opaque,
  },
  ['name'],
);

export const podSpecSchema = openMessage(
  {
    containers: Type.Array(containerSchema, { minItems: 1 }),
    initContainers: Type.Array(containerSchema),
    volumes: Type.Array(openMessage({ name: text }, ['name'])),
    serviceAccountName: text,
    serviceAccount: text,
    nodeName: text,
    nodeSelector: stringMap,
    hostname: text,
    subdomain: text,
    restartPolicy: text,
    terminationGracePeriodSeconds: Type.Integer(),
    securityContext: opaque,
  },
  ['containers'],
);

export const podTemplateSchema = openMessage({ metadata: templateMetaSchema, spec: podSpecSchema }, ['spec']);
