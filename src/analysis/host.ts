// The full name of a host that a resource names, as Istio resolves it; and which hosts cover which.

export const clusterDomain = 'cluster.local';

/** A name without dots is a Service of the resource's own namespace; any other name is taken as it is. */
export function fullHost(host: string, namespace: string): string {
  return host.includes('.') || host.startsWith('*') ? host : `${host}.${namespace}.svc.${clusterDomain}`;
}

/** Whether a host, itself perhaps a wildcard, lies within another. */
export function hostWithin(host: string, other: string): boolean {
  return host === other || (other.startsWith('*') && host.length >= other.length && host.endsWith(other.slice(1)));
}

/** Whether some name belongs to both. */
export function hostsOverlap(a: string, b: string): boolean {
  return hostWithin(a, b) || hostWithin(b, a);
}
