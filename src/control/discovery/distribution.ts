// How far one object has come: whether the control plane has sent it, and which proxies are behind. What `lateen wait` goes by.
import type { Discovery } from './discovery.ts';
import { type ProxyStatus, proxyStatuses } from './proxy-status.ts';

export interface Distribution {
  /** Of the object as it is sent now; undefined: it is not. */
  resourceVersion: string | undefined;
  generation: number | undefined;
  /** Of the mesh: every one that is connected. */
  proxies: number;
  behind: ProxyBehind[];
}

export interface ProxyBehind {
  proxy: string;
  /** `RDS STALE` */
  states: string[];
  errors: string[];
}

const types = ['cds', 'lds', 'eds', 'rds'] as const;

export function distributionOf({ snapshot, connections }: Discovery, kind: string, namespace: string, name: string): Distribution {
  const metadata = snapshot.objects.get(kind)?.get(`${namespace}/${name}`)?.metadata;
  const statuses = proxyStatuses(connections);
  return {
    resourceVersion: metadata?.resourceVersion,
    generation: metadata?.generation,
    proxies: statuses.length,
    behind: proxiesBehind(statuses),
  };
}

/** Those that have not acknowledged what they were sent. */
export function proxiesBehind(statuses: readonly ProxyStatus[]): ProxyBehind[] {
  return statuses.flatMap((status) => {
    const states = types.filter((type) => !isSettled(status[type])).map((type) => `${type.toUpperCase()} ${status[type]}`);
    return states.length > 0 ? [{ proxy: status.proxy, states, errors: Object.values(status.errors ?? {}) }] : [];
  });
}

function isSettled(state: ProxyStatus['cds']): boolean {
  return state === 'SYNCED' || state === 'NOT SENT';
}
