// Whether a workload is in the mesh: by its proxy, by what it or its namespace asks of injection, by ambient mode.
import type { ApiObject } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import type { Namespace } from '#api/kinds/namespace';
import type { Pod } from '#api/kinds/pod';
import type { Resources } from './resources.ts';

export const proxyName = 'istio-proxy';
export const injectionLabel = 'istio-injection';
export const revisionLabel = 'istio.io/rev';
export const injectName = 'sidecar.istio.io/inject';

const systemNamespaces = ['istio-system', 'kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'];
export const isSystemNamespace = (namespace = ''): boolean => systemNamespaces.includes(namespace);

type Container = Pod['spec']['containers'][number];

/** A proxy may also stand among the init containers, as a native sidecar. */
export function proxyOf({ containers, initContainers = [] }: Pod['spec']): Container | undefined {
  return [...(containers ?? []), ...initContainers].find(({ name }) => name === proxyName);
}

export function podInMesh(pod: Pod, resources: Resources): boolean {
  const { labels, annotations, namespace } = pod.metadata;
  return isInMesh(pod.spec, labels, annotations, namespace, resources);
}

export function deploymentInMesh({ metadata, spec }: Deployment, resources: Resources): boolean {
  const { template } = spec;
  return isInMesh(template.spec, template.metadata?.labels, template.metadata?.annotations, metadata.namespace, resources);
}

type Names = Readonly<Record<string, string>>;

function isInMesh(spec: Pod['spec'], labels: Names = {}, annotations: Names = {}, namespace = '', resources: Resources): boolean {
  if (proxyOf(spec)?.image) return true;
  const asked = labels[injectName] ?? annotations[injectName];
  if (asked !== undefined) return asked === 'true';
  return resources.find<Namespace>('/Namespace', '', namespace)?.metadata.labels?.[injectionLabel] === 'enabled';
}

export function podInAmbient({ metadata }: ApiObject): boolean {
  return metadata.annotations?.['ambient.istio.io/redirection'] === 'enabled';
}

/** A namespace that injects sidecars is not ambient, whatever it says. */
export function namespaceInAmbient(namespace: ApiObject | undefined): boolean {
  const labels = namespace?.metadata.labels ?? {};
  return labels[injectionLabel] !== 'enabled' && !labels[revisionLabel] && labels['istio.io/dataplane-mode'] === 'ambient';
}

/** The resources of Istio itself carry one of these. */
export function isControlPlane({ metadata }: ApiObject): boolean {
  const { labels = {} } = metadata;
  return labels['istio'] !== undefined || labels['release'] === 'istio';
}

/** The ConfigMap with the injector's settings, by revision. */
export function injectorName(revision = ''): string {
  return revision === '' || revision === 'default' ? 'istio-sidecar-injector' : `istio-sidecar-injector-${revision}`;
}
