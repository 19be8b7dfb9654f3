// The ingress gateway that every mesh starts with, as Istio installs it: a Deployment without a program of its own and a
// Service. Pure.
import type { ApiObject } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import type { Service, ServicePort } from '#api/kinds/service';
import type { SocketAddress } from '#proxy/config/socket-address';

const name = 'istio-ingressgateway';
const namespace = 'istio-system';
const labels = { app: name, istio: 'ingressgateway' };

/** Says where this machine publishes a Service's ports: `80=127.0.0.1:8080,443=127.0.0.1:8443`. */
export const publishAnnotation = 'lateen.dev/publish';

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

/** Of a Service that is published: where. What a cluster's load balancer would write. */
export function loadBalancerStatus({ metadata, spec }: Service): Service['status'] | undefined {
  if (spec.type !== 'LoadBalancer') return undefined;
  const addresses = new Set(parsePublish(metadata.annotations?.[publishAnnotation] ?? '').map(({ at }) => at.address));
  return addresses.size === 0 ? undefined : { loadBalancer: { ingress: [...addresses].map((ip) => ({ ip })) } };
}

/** Its annotation says where, and on which ports. */
export const isPublished = ({ metadata }: Service): boolean => metadata.annotations?.[publishAnnotation] !== undefined;

/** Reads the annotation; what is not of its form is left out. */
export function parsePublish(text: string): { port: number; at: SocketAddress }[] {
  return text.split(',').flatMap((entry) => {
    const match = /^\s*(\d+)=([^\s:]+):(\d+)\s*$/.exec(entry);
    return match === null ? [] : [{ port: Number(match[1]), at: { address: match[2]!, port: Number(match[3]) } }];
  });
}
