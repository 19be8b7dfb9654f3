// Host names of the mesh: short names made whole, and wildcards. Istio's rules.

/** The whole name that `host` stands for when an object of `namespace` says it: only names without a dot are short. */
export function resolveHost(host: string, namespace: string, domainSuffix: string): string {
  const lower = host.toLowerCase();
  if (lower === '*' || lower.includes('.')) return lower;
  return `${lower}.${namespace}.svc.${domainSuffix}`;
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** True when every name that `narrow` stands for is one that `wide` stands for. `*.com` holds `a.com` and `*.b.com`. */
export function hostCovers(wide: string, narrow: string): boolean {
  if (wide === narrow || wide === '*') return true;
  return isWildcard(wide) && narrow.endsWith(wide.slice(1)) && narrow.length > wide.length - 1;
}

/** The narrower of two hosts of which one covers the other; undefined when they have nothing in common. */
export function intersectHosts(a: string, b: string): string | undefined {
  if (hostCovers(a, b)) return b;
  return hostCovers(b, a) ? a : undefined;
}

/** Most specific first: whole names before wildcards, longer wildcards before shorter ones. */
export function compareSpecificity(a: string, b: string): number {
  if (isWildcard(a) !== isWildcard(b)) return isWildcard(a) ? 1 : -1;
  return b.length - a.length || (a < b ? -1 : a > b ? 1 : 0);
}
