// The names that the mesh answers in a pod, by its name table: in full, and as Kubernetes shortens them. Pure.
import { isIPv4 } from 'node:net';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';

export interface Addresses {
  ipv4: readonly string[];
  ipv6: readonly string[];
}

/**
 * `known` may have no address of a family. `alias`: the name stands for another one. `service`: no proxy is told of it, but it may be that
 * of a Service all the same. `absent`: it would be ours to know, and does not exist. `foreign`: others may know it.
 */
export type NameLookup =
  | { kind: 'known'; addresses: Addresses }
  | { kind: 'alias'; name: string }
  | { kind: 'service' }
  | { kind: 'absent' }
  | { kind: 'foreign' };

/** Of the pod that asks. */
export interface NamesOptions {
  namespace: string;
  /** `default.svc.cluster.local`. */
  dnsDomain: string;
}

export class Names {
  private readonly byName = new Map<string, Addresses>();
  private readonly clusterDomain: string;
  private readonly serviceSuffix: string;
  private hasWildcards = false;

  constructor({ table }: NameTable, { namespace, dnsDomain }: NamesOptions) {
    const serviceDomain = dnsDomain.startsWith(`${namespace}.`) ? dnsDomain.slice(namespace.length + 1) : dnsDomain;
    this.clusterDomain = serviceDomain.replace(/^svc\./, '');
    this.serviceSuffix = `.${serviceDomain}`;
    for (const [host, { ips, registry, shortname, namespace: owner }] of Object.entries(table)) {
      const addresses = { ipv4: ips.filter(isIPv4), ipv6: ips.filter((ip) => !isIPv4(ip)) };
      const full = host.toLowerCase();
      this.hasWildcards ||= full.startsWith('*.');
      this.byName.set(full, addresses);
      // Those of another cluster are called by their full names alone.
      if (registry !== 'Kubernetes' || full !== `${shortname}.${owner}.${serviceDomain}`) continue;
      const short = [`${shortname}.${owner}`, `${shortname}.${owner}.svc`, ...(owner === namespace ? [shortname] : [])];
      for (const name of short) if (!(name in table)) this.byName.set(name, addresses);
    }
  }

  /** `name`: without the last dot, however it is spelt. */
  lookup(name: string): NameLookup {
    const wanted = name.toLowerCase();
    const addresses = this.byName.get(wanted) ?? (this.hasWildcards ? this.covering(wanted) : undefined);
    if (addresses) return { kind: 'known', addresses };
    // Services of type ExternalName are in no table.
    if (wanted.endsWith(this.serviceSuffix) && wanted.slice(0, -this.serviceSuffix.length).split('.').length === 2)
      return { kind: 'service' };
    // Clients try their search domains on every name: those end here, and not at somebody's server.
    return wanted === this.clusterDomain || wanted.endsWith(`.${this.clusterDomain}`) ? { kind: 'absent' } : { kind: 'foreign' };
  }

  /** The longest wildcard that covers the name. */
  private covering(name: string): Addresses | undefined {
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const found = this.byName.get(`*${name.slice(dot)}`);
      if (found) return found;
    }
    return undefined;
  }
}
