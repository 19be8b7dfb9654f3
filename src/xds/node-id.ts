// Istio's form of a proxy's node id: `sidecar~IP~pod.namespace~namespace.svc.cluster.local`.

export type ProxyType = 'sidecar' | 'router';

export interface NodeId {
  type: ProxyType;
  ip: string;
  /** `pod.namespace` */
  id: string;
  /** `namespace.svc.cluster.local` */
  dnsDomain: string;
}

export function parseNodeId(text: string): NodeId | undefined {
  const [type, ip, id, dnsDomain, ...rest] = text.split('~');
  if ((type !== 'sidecar' && type !== 'router') || !ip || !id || !dnsDomain || rest.length > 0) return undefined;
  return { type, ip, id, dnsDomain };
}

export function formatNodeId({ type, ip, id, dnsDomain }: NodeId): string {
  return `${type}~${ip}~${id}~${dnsDomain}`;
}
