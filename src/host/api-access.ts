// How programs in pods find the API and show who they are, as Kubernetes has it: a volume with a token of their service account, the API's
// authority and their namespace, where in-cluster clients look for it, and two variables. Pure.
// https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
import type { ApiObject } from '#api/kind';
import type { ConfigMap } from '#api/kinds/config-map';
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import { type ServiceAccount, serviceAccountKind } from '#api/kinds/service-account';
import type { NetworkAddress } from '#net/network';
import type { StoreView } from '#store/memory-store';
import { isGateway } from './injection.ts';

/** Where clients look, on every machine of every cluster. */
export const accountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';
export const rootAuthorityName = 'kube-root-ca.crt';
export const accountDefault = 'default';
const volumeName = 'kube-api-access';
/** Kubernetes'; what is really issued is good for less, and renewed in time. */
const tokenSeconds = 3607;
const apiServiceName = 'kubernetes';
export const apiServicePort = 443;

/** A new Pod with its service account, and the volume in its containers unless the pod, or else the account, says that it is not wanted. */
export function withApiAccess(object: ApiObject, view: StoreView): ApiObject {
  if (object.kind !== 'Pod' || object.apiVersion !== 'v1') return object;
  const pod = object as Pod;
  const { namespace = 'default' } = pod.metadata;
  const { serviceAccountName = accountDefault, volumes = [], containers, initContainers } = pod.spec;
  const account = view.get(serviceAccountKind, namespace, serviceAccountName) as ServiceAccount | undefined;
  const wanted = pod.spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
  const known = volumes.some(({ name }) => name === volumeName);
  if (!wanted || known || isGateway(pod)) return { ...pod, spec: { ...pod.spec, serviceAccountName } } as ApiObject;
  const mounted = <C extends Pod['spec']['containers'][number]>(container: C): C => {
    const { volumeMounts = [] } = container;
    if (volumeMounts.some(({ mountPath }) => mountPath === accountDirectory)) return container;
    return { ...container, volumeMounts: [...volumeMounts, { name: volumeName, mountPath: accountDirectory, readOnly: true }] };
  };
  return {
    ...pod,
    spec: {
      ...pod.spec,
      serviceAccountName,
      containers: containers.map(mounted),
      ...(initContainers && { initContainers: initContainers.map(mounted) }),
      volumes: [...volumes, { name: volumeName, projected: { defaultMode: 0o644, sources: sources() } }],
    },
  } as ApiObject;
}

const sources = () => [
  { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
  { configMap: { name: rootAuthorityName, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
];

/** What every container is told. */
export function apiVariables({ address, port }: NetworkAddress): Record<string, string> {
  return { KUBERNETES_SERVICE_HOST: address, KUBERNETES_SERVICE_PORT: String(port), KUBERNETES_SERVICE_PORT_HTTPS: String(port) };
}

/** Of every namespace. `authority`: PEM. */
export const rootAuthority = (namespace: string, authority: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: rootAuthorityName, namespace },
  data: { 'ca.crt': authority },
});

/** The API as a Service of the cluster. `address`: where pods reach it. */
export function apiService({ address, port }: NetworkAddress, clusterIP: string): [Service, EndpointSlice] {
  const metadata = { name: apiServiceName, namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } };
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata },
      spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'https', port: apiServicePort, protocol: 'TCP', targetPort: port }] },
    },
    {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
      metadata: { ...metadata, labels: { ...metadata.labels, 'kubernetes.io/service-name': apiServiceName } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ];
}
