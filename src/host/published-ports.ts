// Ports of Services that this machine publishes: an annotation says where, and the proxy of the workload behind listens there. Pure.
import type { Service } from '#api/kinds/service';
import type { SocketAddress } from '#proxy/config/socket-address';

/** `80=127.0.0.1:8080,443=127.0.0.1:8443`: a port of the Service, and where it is published. */
export const publishAnnotation = 'lateen.dev/publish';

export interface PublishedPort {
  port: number;
  at: SocketAddress;
}

export const isPublished = ({ metadata }: Service): boolean => metadata.annotations?.[publishAnnotation] !== undefined;

/** What is not of the annotation's form is left out. */
export function publishedPorts({ metadata }: Service): PublishedPort[] {
  return (metadata.annotations?.[publishAnnotation] ?? '').split(',').flatMap((entry) => {
    const match = /^\s*(\d+)=([^\s:]+):(\d+)\s*$/.exec(entry);
    return match === null ? [] : [{ port: Number(match[1]), at: { address: match[2]!, port: Number(match[3]) } }];
  });
}

/** Of a Service that is published: where. What a cluster's load balancer would write. */
export function loadBalancerStatus(service: Service): Service['status'] | undefined {
  if (service.spec.type !== 'LoadBalancer') return undefined;
  const addresses = new Set(publishedPorts(service).map(({ at }) => at.address));
  return addresses.size === 0 ? undefined : { loadBalancer: { ingress: [...addresses].map((ip) => ({ ip })) } };
}
