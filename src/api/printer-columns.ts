// The columns in which `lateen get` and `kubectl get` show each kind, as Kubernetes and Istio's definitions have them. Names and ages are
// added by whoever shows them.
import { humanDuration } from '#foundation/human-duration';
import type { ApiObject, Column } from './kind.ts';
import type { ConfigMap } from './kinds/config-map.ts';
import type { CronJob } from './kinds/cron-job.ts';
import type { DaemonSet } from './kinds/daemon-set.ts';
import type { Deployment } from './kinds/deployment.ts';
import type { DestinationRule } from './kinds/destination-rule.ts';
import type { EndpointSlice } from './kinds/endpoint-slice.ts';
import type { Endpoints } from './kinds/endpoints.ts';
import type { Event } from './kinds/event.ts';
import type { Gateway } from './kinds/gateway.ts';
import type { Job } from './kinds/job.ts';
import type { Namespace } from './kinds/namespace.ts';
import type { Pod } from './kinds/pod.ts';
import type { ReplicaSet } from './kinds/replica-set.ts';
import type { Secret } from './kinds/secret.ts';
import type { Service, ServicePort } from './kinds/service.ts';
import type { ServiceEntry } from './kinds/service-entry.ts';
import type { StatefulSet } from './kinds/stateful-set.ts';
import type { VirtualService } from './kinds/virtual-service.ts';
import type { WorkloadEntry } from './kinds/workload-entry.ts';

function column<T extends ApiObject>(title: string, cell: (object: T, nowMs: number) => string | undefined, wide = false): Column {
  return { title, wide, cell: (object, nowMs) => cell(object as T, nowMs) || '<none>' };
}

const list = (values: readonly string[] | undefined) => (values?.length ? JSON.stringify(values) : undefined);
const labels = (values: Readonly<Record<string, string>> | undefined) =>
  Object.entries(values ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

const byKind: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [column<Namespace>('STATUS', ({ metadata }) => (metadata.deletionTimestamp ? 'Terminating' : 'Active'))],
  Service: [
    column<Service>('TYPE', ({ spec }) => spec.type ?? 'ClusterIP'),
    column<Service>('CLUSTER-IP', ({ spec }) => spec.clusterIP),
    column<Service>('EXTERNAL-IP', externalAddresses),
    column<Service>('PORT(S)', ({ spec }) => (spec.ports ?? []).map(servicePortCell).join(',')),
    column<Service>('SELECTOR', ({ spec }) => labels(spec.selector), true),
  ],
  Endpoints: [column<Endpoints>('ENDPOINTS', endpointsCell)],
  EndpointSlice: [
    column<EndpointSlice>('ADDRESSTYPE', ({ addressType }) => addressType),
    column<EndpointSlice>('PORTS', ({ ports }) => (ports ?? []).map(({ port }) => `${port}`).join(',')),
    column<EndpointSlice>('ENDPOINTS', ({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses).join(',')),
  ],
  Pod: [
    column<Pod>(
      'READY',
      ({ spec, status }) => `${(status?.containerStatuses ?? []).filter(({ ready }) => ready).length}/${spec.containers.length}`,
    ),
    column<Pod>('STATUS', ({ metadata, status }) =>
      metadata.deletionTimestamp ? 'Terminating' : (status?.reason ?? endings[status?.phase ?? ''] ?? status?.phase ?? 'Pending'),
    ),
    column<Pod>(
      'RESTARTS',
      ({ status }) => `${(status?.containerStatuses ?? []).reduce((sum, { restartCount = 0 }) => sum + restartCount, 0)}`,
    ),
    column<Pod>('IP', ({ status }) => status?.podIP, true),
    column<Pod>('NODE', ({ spec }) => spec.nodeName, true),
    column<Pod>('NOMINATED NODE', () => undefined, true),
    column<Pod>('READINESS GATES', () => undefined, true),
  ],
  Deployment: [
    column<Deployment>('READY', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
    column<Deployment>('UP-TO-DATE', ({ status }) => `${status?.updatedReplicas ?? 0}`),
    column<Deployment>('AVAILABLE', ({ status }) => `${status?.availableReplicas ?? 0}`),
    column<Deployment>('CONTAINERS', ({ spec }) => spec.template.spec.containers.map(({ name }) => name).join(','), true),
    column<Deployment>('IMAGES', ({ spec }) => imagesOf(spec.template.spec.containers), true),
    column<Deployment>('SELECTOR', ({ spec }) => labels(spec.selector.matchLabels), true),
  ],
  ReplicaSet: [
    column<ReplicaSet>('DESIRED', ({ spec }) => `${spec.replicas ?? 1}`),
    column<ReplicaSet>('CURRENT', ({ status }) => `${status?.replicas ?? 0}`),
    column<ReplicaSet>('READY', ({ status }) => `${status?.readyReplicas ?? 0}`),
    column<ReplicaSet>('CONTAINERS', ({ spec }) => spec.template.spec.containers.map(({ name }) => name).join(','), true),
    column<ReplicaSet>('IMAGES', ({ spec }) => imagesOf(spec.template.spec.containers), true),
    column<ReplicaSet>('SELECTOR', ({ spec }) => labels(spec.selector.matchLabels), true),
  ],
  StatefulSet: [
    column<StatefulSet>('READY', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
    column<StatefulSet>('CONTAINERS', ({ spec }) => spec.template.spec.containers.map(({ name }) => name).join(','), true),
    column<StatefulSet>('IMAGES', ({ spec }) => imagesOf(spec.template.spec.containers), true),
  ],
  DaemonSet: [
    column<DaemonSet>('DESIRED', ({ status }) => `${status?.desiredNumberScheduled ?? 0}`),
    column<DaemonSet>('CURRENT', ({ status }) => `${status?.currentNumberScheduled ?? 0}`),
    column<DaemonSet>('READY', ({ status }) => `${status?.numberReady ?? 0}`),
    column<DaemonSet>('UP-TO-DATE', ({ status }) => `${status?.updatedNumberScheduled ?? 0}`),
    column<DaemonSet>('AVAILABLE', ({ status }) => `${status?.numberAvailable ?? 0}`),
    column<DaemonSet>('NODE SELECTOR', ({ spec }) => labels(spec.template.spec.nodeSelector)),
    column<DaemonSet>('CONTAINERS', ({ spec }) => spec.template.spec.containers.map(({ name }) => name).join(','), true),
    column<DaemonSet>('IMAGES', ({ spec }) => imagesOf(spec.template.spec.containers), true),
    column<DaemonSet>('SELECTOR', ({ spec }) => labels(spec.selector.matchLabels), true),
  ],
  Job: [
    column<Job>('STATUS', ({ status }) => status?.conditions?.find((each) => each.status === 'True')?.type ?? 'Running'),
    column<Job>('COMPLETIONS', ({ spec, status }) => `${status?.succeeded ?? 0}/${spec.completions ?? 1}`),
    column<Job>('DURATION', jobDuration),
  ],
  CronJob: [
    column<CronJob>('SCHEDULE', ({ spec }) => spec.schedule),
    column<CronJob>('TIMEZONE', ({ spec }) => spec.timeZone),
    column<CronJob>('SUSPEND', ({ spec }) => (spec.suspend ? 'True' : 'False')),
    column<CronJob>('ACTIVE', ({ status }) => `${status?.active?.length ?? 0}`),
    column<CronJob>('LAST SCHEDULE', ({ status }, nowMs) => since(status?.lastScheduleTime, nowMs)),
  ],
  Event: [
    column<Event>('TYPE', ({ type }) => type),
    column<Event>('REASON', ({ reason }) => reason),
    column<Event>('OBJECT', ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`),
    column<Event>('MESSAGE', ({ message }) => message),
  ],
  ConfigMap: [column<ConfigMap>('DATA', ({ data, binaryData }) => `${Object.keys({ ...data, ...binaryData }).length}`)],
  Secret: [
    column<Secret>('TYPE', ({ type }) => type ?? 'Opaque'),
    column<Secret>('DATA', ({ data, stringData }) => `${Object.keys({ ...data, ...stringData }).length}`),
  ],
  VirtualService: [
    column<VirtualService>('GATEWAYS', ({ spec }) => list(spec.gateways)),
    column<VirtualService>('HOSTS', ({ spec }) => list(spec.hosts)),
  ],
  DestinationRule: [
    column<DestinationRule>('HOST', ({ spec }) => spec.host),
    column<DestinationRule>('SUBSETS', ({ spec }) => (spec.subsets ?? []).map(({ name }) => name).join(','), true),
  ],
  Gateway: [
    column<Gateway>('SELECTOR', ({ spec }) => labels(spec.selector), true),
    column<Gateway>('SERVERS', ({ spec }) => (spec.servers ?? []).map(({ port }) => `${port.number}/${port.protocol}`).join(','), true),
  ],
  ServiceEntry: [
    column<ServiceEntry>('HOSTS', ({ spec }) => list(spec.hosts)),
    column<ServiceEntry>('LOCATION', ({ spec }) => spec.location),
    column<ServiceEntry>('RESOLUTION', ({ spec }) => spec.resolution),
  ],
  WorkloadEntry: [column<WorkloadEntry>('ADDRESS', ({ spec }) => spec.address)],
};

/** As kubectl calls the end of a pod. */
const endings: Readonly<Record<string, string>> = { Succeeded: 'Completed', Failed: 'Error' };

function externalAddresses({ spec, status }: Service): string | undefined {
  if (spec.type === 'ExternalName') return spec.externalName;
  const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
  const all = [...given, ...(spec.externalIPs ?? [])].join(',');
  return all === '' && spec.type === 'LoadBalancer' ? '<pending>' : all;
}

function servicePortCell({ port, nodePort, protocol = 'TCP' }: ServicePort): string {
  return nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`;
}

function jobDuration({ status: { startTime, completionTime } = {} }: Job, nowMs: number): string | undefined {
  return since(startTime, completionTime === undefined ? nowMs : Date.parse(completionTime));
}

function since(time: string | undefined, untilMs: number): string | undefined {
  return time === undefined ? undefined : humanDuration(untilMs - Date.parse(time));
}

function imagesOf(containers: readonly { image?: string }[]): string {
  return containers.map(({ image = '' }) => image).join(',');
}

function endpointsCell({ subsets = [] }: Endpoints): string {
  return subsets
    .flatMap(({ addresses = [], ports = [] }) => addresses.flatMap(({ ip }) => ports.map(({ port }) => `${ip}:${port}`)))
    .join(',');
}

/** Without the wide ones, unless they are wanted. */
export function columnsOf(kind: string, wide: boolean): readonly Column[] {
  return (byKind[kind] ?? []).filter((each) => wide || !each.wide);
}
