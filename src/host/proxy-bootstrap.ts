// What a pod's proxy is told at its start: who it is, where its control plane is, how its addresses map. Pure.
import type { Pod } from '#api/kinds/pod';
import { localityOfLabels } from '#api/locality';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import type { SocketAddress } from '#proxy/config/socket-address';
import { formatNodeId } from '#xds/node-id';
import type { PodNetwork } from './capture/pod-network.ts';
import { templateHashLabel } from './deployment-plan.ts';
import { isGateway } from './injection.ts';
import type { ProxySettings } from './proxy-settings.ts';

/** Istio's. */
export const proxyAdminPort = 15_000;

/** The release whose resources and node metadata Lateen follows. */
const istioVersion = '1.28.0';

export function proxyBootstrapOf(
  pod: Pod,
  { addresses, proxy }: Pick<PodNetwork, 'addresses' | 'proxy'>,
  options: {
    xds: SocketAddress;
    published: readonly { port: number; at: SocketAddress }[];
    standardOutput: string;
    settings?: Pick<ProxySettings, 'metadata' | 'drainMs' | 'concurrency'>;
  },
): ProxyBootstrap {
  const { settings } = options;
  const { name, namespace = 'default', labels = {} } = pod.metadata;
  const workload = workloadNameOf(pod);
  const serviceAccount = pod.spec?.serviceAccountName ?? 'default';
  const app = labels['app'] ?? workload;
  return {
    node: {
      id: formatNodeId({
        type: isGateway(pod) ? 'router' : 'sidecar',
        ip: addresses.pod,
        id: `${name}.${namespace}`,
        dnsDomain: `${namespace}.svc.cluster.local`,
      }),
      cluster: `${app}.${namespace}`,
      metadata: {
        NAME: name,
        NAMESPACE: namespace,
        WORKLOAD_NAME: workload,
        LABELS: labels,
        SERVICE_ACCOUNT: serviceAccount,
        INSTANCE_IPS: addresses.pod,
        CLUSTER_ID: 'Kubernetes',
        MESH_ID: 'cluster.local',
        ISTIO_VERSION: istioVersion,
        WORKLOAD_CERTIFICATES: 'true',
        VIRTUAL_HOST_DISCOVERY: 'true',
        OWNER: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${workload}`,
        ...proxy.metadata,
        ...settings?.metadata,
      },
      locality: localityOf(labels),
    },
    xds: options.xds,
    admin: { address: addresses.pod, port: proxyAdminPort },
    placement: { ...proxy.placement, published: options.published },
    ...(proxy.namespace && { namespace: proxy.namespace }),
    ...(proxy.names && { names: proxy.names }),
    ...(String(settings?.metadata['ENABLE_SELF_DISCOVERY']) === 'true' && { localCluster: 'local_cluster' }),
    concurrency: settings?.concurrency ?? 1,
    standardOutput: options.standardOutput,
    ...(settings?.drainMs !== undefined && { drainMs: settings.drainMs }),
  };
}

function localityOf(labels: Readonly<Record<string, string>>) {
  const [region = '', zone = '', subZone = ''] = localityOfLabels(labels).split('/');
  return { region, zone, subZone };
}

/** The Deployment's name where there is one. */
export function workloadNameOf(pod: Pod): string {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller);
  if (owner?.kind === 'Deployment') return owner.name;
  const hash = pod.metadata.labels?.[templateHashLabel];
  const at = hash === undefined ? -1 : pod.metadata.name.indexOf(`-${hash}`);
  return at > 0 ? pod.metadata.name.slice(0, at) : pod.metadata.name;
}
