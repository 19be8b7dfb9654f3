// The pod of Kubernetes as far as this mesh reads it; shared by Pod and by the templates of Deployments. What is not
// read passes unchecked: the whole PodSpec has hundreds of fields.
import { Type } from '@sinclair/typebox';
import { bool, count, int32, intOrString, opaque, openMessage, port, stringMap, text, texts } from './field.ts';
import { templateMetaSchema } from './metadata.ts';

/** `500m`, `128Mi`, or a plain number. */
const quantity = Type.Unsafe<string | number>({ type: ['string', 'number'] });
const quantities = Type.Record(Type.String(), quantity);

const fieldRefSchema = openMessage({ fieldPath: text }, ['fieldPath']);
const resourceFieldRefSchema = openMessage({ containerName: text, resource: text, divisor: quantity }, ['resource']);

const envVarSchema = openMessage(
  {
    name: text,
    value: text,
    valueFrom: openMessage({
      fieldRef: fieldRefSchema,
      resourceFieldRef: resourceFieldRefSchema,
      configMapKeyRef: openMessage({ name: text, key: text, optional: bool }, ['key']),
      secretKeyRef: openMessage({ name: text, key: text, optional: bool }, ['key']),
    }),
  },
  ['name'],
);

const httpGetSchema = openMessage(
  {
    path: text,
    port: intOrString,
    host: text,
    scheme: text,
    httpHeaders: Type.Array(openMessage({ name: text, value: text }, ['name'])),
  },
  ['port'],
);
const tcpSocketSchema = openMessage({ port: intOrString, host: text }, ['port']);
const execSchema = openMessage({ command: texts });

const hookSchema = openMessage({
  exec: execSchema,
  httpGet: httpGetSchema,
  tcpSocket: tcpSocketSchema,
  sleep: openMessage({ seconds: count }, ['seconds']),
});

const probeSchema = openMessage({
  httpGet: httpGetSchema,
  tcpSocket: tcpSocketSchema,
  exec: execSchema,
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
    envFrom: Type.Array(
      openMessage({
        prefix: text,
        configMapRef: openMessage({ name: text, optional: bool }),
        secretRef: openMessage({ name: text, optional: bool }),
      }),
    ),
    restartPolicy: text,
    readinessProbe: probeSchema,
    livenessProbe: probeSchema,
    startupProbe: probeSchema,
    lifecycle: openMessage({ postStart: hookSchema, preStop: hookSchema }),
    volumeMounts: Type.Array(
      openMessage({ name: text, mountPath: text, subPath: text, subPathExpr: text, readOnly: bool }, ['name', 'mountPath']),
    ),
    resources: openMessage({ limits: quantities, requests: quantities }),
    securityContext: opaque,
  },
  ['name'],
);

const keyToPath = openMessage({ key: text, path: text, mode: int32 }, ['key', 'path']);
const keyItems = Type.Array(keyToPath);
const downwardFile = openMessage({ path: text, fieldRef: fieldRefSchema, resourceFieldRef: resourceFieldRefSchema, mode: int32 }, ['path']);
const downwardItems = Type.Array(downwardFile);

const volumeSchema = openMessage(
  {
    name: text,
    configMap: openMessage({ name: text, items: keyItems, optional: bool, defaultMode: int32 }),
    secret: openMessage({ secretName: text, items: keyItems, optional: bool, defaultMode: int32 }),
    downwardAPI: openMessage({ items: downwardItems, defaultMode: int32 }),
    projected: openMessage({
      defaultMode: int32,
      sources: Type.Array(
        openMessage({
          configMap: openMessage({ name: text, items: keyItems, optional: bool }),
          secret: openMessage({ name: text, items: keyItems, optional: bool }),
          downwardAPI: openMessage({ items: downwardItems }),
          serviceAccountToken: openMessage({ path: text, audience: text, expirationSeconds: Type.Integer() }, ['path']),
        }),
      ),
    }),
    emptyDir: openMessage({ medium: text, sizeLimit: quantity }),
    hostPath: openMessage({ path: text, type: text }, ['path']),
  },
  ['name'],
);

export const podSpecSchema = openMessage(
  {
    containers: Type.Array(containerSchema, { minItems: 1 }),
    initContainers: Type.Array(containerSchema),
    volumes: Type.Array(volumeSchema),
    serviceAccountName: text,
    serviceAccount: text,
    automountServiceAccountToken: bool,
    nodeName: text,
    nodeSelector: stringMap,
    hostname: text,
    subdomain: text,
    restartPolicy: text,
    terminationGracePeriodSeconds: Type.Integer({ minimum: 0 }),
    securityContext: opaque,
  },
  ['containers'],
);

export const podTemplateSchema = openMessage({ metadata: templateMetaSchema, spec: podSpecSchema }, ['spec']);
