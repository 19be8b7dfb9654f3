// What acts on a pod or a service: its ports, the services before it, their rules and routes, gateways and policies. Pure.
import { podInMesh, proxyName, proxyOf } from '#analysis/injection-state';
import { podsOf, selects } from '#analysis/labels';
import type { Resources } from '#analysis/resources';
import type { Pod } from '#api/kinds/pod';
import type { Service, ServicePort } from '#api/kinds/service';
import { protocolNamed } from '#api/protocol';
import { describePolicies } from './policies.ts';
import { describeRouting } from './routing.ts';

const rule = '--------------------';

/** `proxies`: the pods, as `pod.namespace`, whose proxies are connected; undefined where there is no running mesh. */
export function describePod(pod: Pod, resources: Resources, proxies: ReadonlySet<string> | undefined): string {
  const { name, namespace = '', labels = {} } = pod.metadata;
  const services = resources
    .all<Service>('/Service')
    .filter(({ metadata, spec }) => metadata.namespace === namespace && hasSelector(spec) && selects(spec.selector ?? {}, labels));
  const lines = [
    `Pod: ${name}`,
    ...(namespace === 'default' ? [] : [`   Namespace: ${namespace}`]),
    `   Pod Ports: ${portsOf(pod) || 'none'}`,
    ...podWarnings(pod, resources, proxies),
  ];
  if (services.length === 0) lines.push('WARNING: no Service selects this pod');
  for (const service of services) lines.push(rule, ...describePorts(service, pod), ...describeRouting({ service, pod }, resources));
  lines.push(rule, ...describePolicies(pod, resources));
  return text(lines);
}

export function describeService(service: Service, resources: Resources): string {
  const pods = hasSelector(service.spec) ? podsOf(resources, service.spec.selector ?? {}, service.metadata.namespace) : [];
  const lines = describePorts(service, pods[0]);
  if (service.spec.type === 'ExternalName') lines.push(`   External name: ${service.spec.externalName ?? ''}`);
  else if (!hasSelector(service.spec)) lines.push('   No selector: its endpoints are given by hand');
  else if (pods.length === 0) lines.push('   WARNING: no pod has its labels');
  else lines.push(`   Pods: ${pods.map(({ metadata }) => metadata.name).join(', ')}`);
  lines.push(...describeRouting({ service, pod: undefined }, resources));
  return text(lines);
}

const text = (lines: readonly string[]) => `${lines.join('\n')}\n`;
const hasSelector = ({ selector }: Service['spec']) => Object.keys(selector ?? {}).length > 0;

function portsOf({ spec }: Pod): string {
  return spec.containers
    .flatMap(({ name, ports = [] }) =>
      ports.map(({ containerPort, protocol }) => `${containerPort}${protocol && protocol !== 'TCP' ? `/${protocol}` : ''} (${name})`),
    )
    .join(', ');
}

function podWarnings(pod: Pod, resources: Resources, proxies: ReadonlySet<string> | undefined): string[] {
  const { name, namespace = '', labels = {} } = pod.metadata;
  const warnings: string[] = [];
  const inMesh = proxies?.has(`${name}.${namespace}`) ?? podInMesh(pod, resources);
  if (!inMesh) warnings.push(`${name} is not part of the mesh: ${proxies ? 'no proxy of it is connected' : `it has no ${proxyName}`}`);
  else if (proxyOf(pod.spec) === undefined || pod.spec.containers.length > 1) {
    for (const label of ['app', 'version']) {
      const canonical = label === 'app' ? 'service.istio.io/canonical-name' : 'service.istio.io/canonical-revision';
      if (!labels[label] && !labels[canonical]) warnings.push(`${name} has no label ${label}: telemetry cannot name it well`);
    }
  }
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready && ready.status !== 'True') warnings.push(`${name} is not ready${ready.message ? `: ${ready.message}` : ''}`);
  return warnings.map((warning) => `WARNING: ${warning}`);
}

function describePorts({ metadata, spec }: Service, pod: Pod | undefined): string[] {
  const lines = [`Service: ${metadata.name}${metadata.namespace === 'default' ? '' : `.${metadata.namespace}`}`];
  for (const port of spec.ports ?? []) {
    const protocol = protocolOf(port);
    const target = targetOf(port, pod);
    lines.push(
      `   Port: ${port.name ? `${port.name} ` : ''}${port.port}/${protocol ?? 'auto-detect'} targets pod port ${target ?? port.targetPort}`,
    );
    if (target === undefined) lines.push(`   WARNING: no container of the pod has a port named ${port.targetPort}`);
    if (protocol === undefined) {
      lines.push(`   WARNING: port ${port.port} does not tell its protocol: name it protocol or protocol-suffix, such as http-web`);
    }
  }
  return lines;
}

function protocolOf({ name = '', protocol = 'TCP', appProtocol }: ServicePort): string | undefined {
  if (protocol !== 'TCP') return protocol;
  if (appProtocol !== undefined) return protocolNamed(appProtocol) ?? appProtocol;
  return protocolNamed(/^grpc-web(-|$)/i.test(name) ? 'grpc-web' : (name.split('-')[0] ?? ''));
}

/** Undefined where the pod has no port of the name. */
function targetOf({ port, targetPort }: ServicePort, pod: Pod | undefined): number | undefined {
  if (targetPort === undefined) return port;
  if (typeof targetPort === 'number') return targetPort;
  if (/^\d+$/.test(targetPort)) return Number(targetPort);
  return pod?.spec.containers.flatMap(({ ports = [] }) => ports).find(({ name }) => name === targetPort)?.containerPort;
}
