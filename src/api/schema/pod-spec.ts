// The pod of Kubernetes, shared by Pod and by the templates of Deployments. All of its fields are named, so that a misspelt one is
// found; what nothing here acts on is carried, and checked no further than its type.
import { Type } from '@sinclair/typebox';
import { bool, count, int32, intOrString, message, opaqueObject, opaqueObjects, port, quantity, stringMap, text, texts } from './field.ts';
import { templateMetaSchema } from './metadata.ts';
import { fieldRefSchema, resourceFieldRefSchema, volumeMountSchema, volumeSchema } from './volume.ts';

const quantities = Type.Record(Type.String(), quantity);

const envVarSchema = message(
  {
    name: text,
    value: text,
    valueFrom: message({
      fieldRef: fieldRefSchema,
      resourceFieldRef: resourceFieldRefSchema,
      configMapKeyRef: message({ name: text, key: text, optional: bool }, ['key']),
      secretKeyRef: message({ name: text, key: text, optional: bool }, ['key']),
      fileKeyRef: opaqueObject,
    }),
  },
  ['name'],
);

const httpGetSchema = message(
  {
    path: text,
    port: intOrString,
    host: text,
    scheme: text,
    httpHeaders: Type.Array(message({ name: text, value: text }, ['name'])),
  },
  ['port'],
);
const tcpSocketSchema = message({ port: intOrString, host: text }, ['port']);
const execSchema = message({ command: texts });

const hookSchema = message({
  exec: execSchema,
  httpGet: httpGetSchema,
  tcpSocket: tcpSocketSchema,
  sleep: message({ seconds: count }, ['seconds']),
});

const probeSchema = message({
  httpGet: httpGetSchema,
  tcpSocket: tcpSocketSchema,
  exec: execSchema,
  grpc: message({ port, service: text }, ['port']),
  initialDelaySeconds: int32,
  periodSeconds: int32,
  timeoutSeconds: int32,
  successThreshold: int32,
  failureThreshold: int32,
  terminationGracePeriodSeconds: Type.Integer(),
});

/** Of containers and of pods: who the programs are to be. Programs here are who `lateen up` is. */
const privileges = {
  runAsUser: Type.Integer(),
  runAsGroup: Type.Integer(),
  runAsNonRoot: bool,
  seLinuxOptions: opaqueObject,
  windowsOptions: opaqueObject,
  seccompProfile: message({ type: text, localhostProfile: text }, ['type']),
  appArmorProfile: message({ type: text, localhostProfile: text }, ['type']),
};

const containerSecuritySchema = message({
  ...privileges,
  privileged: bool,
  allowPrivilegeEscalation: bool,
  readOnlyRootFilesystem: bool,
  capabilities: message({ add: texts, drop: texts }),
  procMount: text,
});

const podSecuritySchema = message({
  ...privileges,
  fsGroup: Type.Integer(),
  fsGroupChangePolicy: text,
  supplementalGroups: Type.Array(Type.Integer()),
  supplementalGroupsPolicy: text,
  seLinuxChangePolicy: text,
  sysctls: Type.Array(message({ name: text, value: text }, ['name', 'value'])),
});

const containerFields = {
  name: text,
  image: text,
  imagePullPolicy: text,
  command: texts,
  args: texts,
  workingDir: text,
  ports: Type.Array(
    message({ name: text, containerPort: port, protocol: text, hostPort: Type.Integer(), hostIP: text }, ['containerPort']),
  ),
  env: Type.Array(envVarSchema),
  envFrom: Type.Array(
    message({
      prefix: text,
      configMapRef: message({ name: text, optional: bool }),
      secretRef: message({ name: text, optional: bool }),
    }),
  ),
  restartPolicy: text,
  restartPolicyRules: opaqueObjects,
  readinessProbe: probeSchema,
  livenessProbe: probeSchema,
  startupProbe: probeSchema,
  lifecycle: message({ postStart: hookSchema, preStop: hookSchema, stopSignal: text }),
  volumeMounts: Type.Array(volumeMountSchema),
  volumeDevices: Type.Array(message({ name: text, devicePath: text }, ['name', 'devicePath'])),
  resources: message({ limits: quantities, requests: quantities, claims: opaqueObjects }),
  resizePolicy: Type.Array(message({ resourceName: text, restartPolicy: text }, ['resourceName', 'restartPolicy'])),
  securityContext: containerSecuritySchema,
  stdin: bool,
  stdinOnce: bool,
  tty: bool,
  terminationMessagePath: text,
  terminationMessagePolicy: text,
};

const containerSchema = message(containerFields, ['name']);
const ephemeralContainerSchema = message({ ...containerFields, targetContainerName: text }, ['name']);

const tolerationSchema = message({
  key: text,
  operator: text,
  value: text,
  effect: text,
  tolerationSeconds: Type.Integer(),
});

export const podSpecSchema = message(
  {
    containers: Type.Array(containerSchema, { minItems: 1 }),
    initContainers: Type.Array(containerSchema),
    ephemeralContainers: Type.Array(ephemeralContainerSchema),
    volumes: Type.Array(volumeSchema),
    serviceAccountName: text,
    serviceAccount: text,
    automountServiceAccountToken: bool,
    hostname: text,
    subdomain: text,
    setHostnameAsFQDN: bool,
    hostnameOverride: text,
    hostAliases: Type.Array(message({ ip: text, hostnames: texts }, ['ip'])),
    restartPolicy: text,
    terminationGracePeriodSeconds: Type.Integer({ minimum: 0 }),
    activeDeadlineSeconds: Type.Integer({ minimum: 1 }),
    securityContext: podSecuritySchema,
    imagePullSecrets: Type.Array(message({ name: text })),
    nodeName: text,
    nodeSelector: stringMap,
    affinity: message({ nodeAffinity: opaqueObject, podAffinity: opaqueObject, podAntiAffinity: opaqueObject }),
    tolerations: Type.Array(tolerationSchema),
    topologySpreadConstraints: opaqueObjects,
    schedulerName: text,
    schedulingGates: Type.Array(message({ name: text }, ['name'])),
    priority: int32,
    priorityClassName: text,
    preemptionPolicy: text,
    readinessGates: Type.Array(message({ conditionType: text }, ['conditionType'])),
    dnsPolicy: text,
    dnsConfig: message({ nameservers: texts, searches: texts, options: Type.Array(message({ name: text, value: text })) }),
    hostNetwork: bool,
    hostPID: bool,
    hostIPC: bool,
    hostUsers: bool,
    shareProcessNamespace: bool,
    enableServiceLinks: bool,
    runtimeClassName: text,
    os: message({ name: text }, ['name']),
    overhead: quantities,
    resources: message({ limits: quantities, requests: quantities, claims: opaqueObjects }),
    resourceClaims: opaqueObjects,
  },
  ['containers'],
);

export const podTemplateSchema = message({ metadata: templateMetaSchema, spec: podSpecSchema }, ['spec']);
