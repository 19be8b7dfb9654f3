// The ingress gateway that every mesh starts with, as Istio installs it: a Deployment without a program of its own and a
// Service. Pure.
import type { ApiObject } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import type { Service, ServicePort } from '#api/kinds/service';
import type { SocketAddress } from '#proxy/config/socket-address';
import { publishAnnotation } from './published-ports.ts';

const name = 'istio-ingressgateway';
const namespace = 'istio-system';
const labels = { app: name, istio: 'ingressgateway' };

/** Istio's ports of the gateway's Service. */
const ports = [
  { name: 'status-port', port: 15021, targetPort: 15021 },
  { name: 'http2', port: 80, targetPort: 8080 },
  { name: 'https', port: 443, targetPort: 8443 },
  { name: 'tcp', port: 31400, targetPort: 31400 },
  { name: 'tls', port: 15443, targetPort: 15443 },
];

export function ingressGateway(published: { http: SocketAddress; https: SocketAddress }): ApiObject[] {
  const nodePorts: Readonly<Record<number, number>> = { 80: published.http.port, 443: published.https.port };
  const publish = `80=${published.http.address}:${published.http.port},443=${published.https.address}:${published.https.port}`;
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels, annotations: { [publishAnnotation]: publish } },
    spec: { type: 'LoadBalancer', selector: labels, ports: ports.map((port) => portOf(port, nodePorts[port.port])) },
  };
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { 'inject.istio.io/templates': 'gateway' } },
        spec: { serviceAccountName: `${name}-service-account`, containers: [{ name: 'istio-proxy', image: 'auto' }] },
      },
    },
  };
  return [service, deployment];
}

/** This machine is the mesh's only node: there, a published port of it is a node port. */
function portOf(port: (typeof ports)[number], nodePort = 0): ServicePort {
  return { ...port, protocol: 'TCP', ...(nodePort > 0 && { nodePort }) };
}
