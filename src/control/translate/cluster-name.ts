// Istio's names of clusters: `direction|port|subset|host`.

export const blackHoleCluster = 'BlackHoleCluster';
export const passthroughCluster = 'PassthroughCluster';
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

export function outboundClusterName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`;
}

export function inboundClusterName(port: number): string {
  return `inbound|${port}||`;
}

export interface OutboundClusterName {
  port: number;
  subset: string;
  host: string;
}

export function parseOutboundClusterName(name: string): OutboundClusterName | undefined {
  const [direction, port, subset, host, ...rest] = name.split('|');
  if (direction !== 'outbound' || subset === undefined || !host || rest.length > 0 || !/^\d{1,5}$/.test(port ?? '')) return undefined;
  return { port: Number(port), subset, host };
}
