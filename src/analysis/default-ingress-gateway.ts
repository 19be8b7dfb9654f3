// Istio's own ingress gateway, which files for it take for granted: its pod and its Service.
import type { ApiObject } from '#api/kind';

const labels = { istio: 'ingressgateway', app: 'istio-ingressgateway' };
const metadata = { name: 'istio-ingressgateway', namespace: 'istio-system', labels };
const ports = [80, 443, 31_400, 15_443];

/** For files alone: a running mesh tells itself what it has. */
export const defaultIngressGateway: readonly ApiObject[] = [
  { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'istio-proxy', image: 'proxyv2' }] } } as ApiObject,
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { istio: 'ingressgateway' }, ports: ports.map((port) => ({ name: `tcp-${port}`, port, protocol: 'TCP' })) },
  } as ApiObject,
];
