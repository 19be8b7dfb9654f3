// The resources that analyzers ask about, found by host and by name. Built once for a state of the store.
import { type ApiObject, keyOf } from '#api/kind';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { Gateway } from '#api/kinds/gateway';
import type { Service } from '#api/kinds/service';
import type { ServiceEntry } from '#api/kinds/service-entry';
import type { VirtualService } from '#api/kinds/virtual-service';
import { clusterDomain, fullHost, hostWithin } from './host.ts';

export class ResourceIndex {
  private readonly known = new Set<string>();
  private readonly wildcards: string[] = [];
  private readonly destinationRules = new HostIndex<DestinationRule>();
  private readonly meshVirtualServices = new HostIndex<VirtualService>();
  private readonly gatewaysByKey = new Map<string, Gateway>();

  constructor(objects: Iterable<ApiObject>) {
    for (const object of objects) this.add(object);
  }

  /** Whether a Service or a ServiceEntry has the host. */
  hasHost(host: string): boolean {
    return this.known.has(host) || this.wildcards.some((wildcard) => hostWithin(host, wildcard));
  }

  hosts(): Iterable<string> {
    return this.known;
  }

  destinationRulesOf(host: string): readonly DestinationRule[] {
    return this.destinationRules.covering(host);
  }

  /** Those of exactly this host that are bound to the mesh gateway. */
  meshVirtualServicesOf(host: string): readonly VirtualService[] {
    return this.meshVirtualServices.exactly(host);
  }

  /** By `namespace/name`. */
  gateway(key: string): Gateway | undefined {
    return this.gatewaysByKey.get(key);
  }

  gateways(): Iterable<Gateway> {
    return this.gatewaysByKey.values();
  }

  private add(object: ApiObject): void {
    const { namespace = '', name } = object.metadata;
    switch (object.kind) {
      case 'Service':
        this.known.add(`${(object as Service).metadata.name}.${namespace}.svc.${clusterDomain}`);
        break;
      case 'ServiceEntry':
        for (const host of (object as ServiceEntry).spec.hosts) {
          if (host.startsWith('*')) this.wildcards.push(host);
          else this.known.add(fullHost(host, namespace));
        }
        break;
      case 'DestinationRule':
        this.destinationRules.add(fullHost((object as DestinationRule).spec.host, namespace), object as DestinationRule);
        break;
      case 'VirtualService':
        for (const host of meshHosts(object as VirtualService)) this.meshVirtualServices.add(host, object as VirtualService);
        break;
      case 'Gateway':
        this.gatewaysByKey.set(keyOf({ namespace, name }), object as Gateway);
        break;
    }
  }
}

/** The full hosts of a VirtualService that is bound to the mesh gateway; none where it is not. */
export function meshHosts({ spec, metadata }: VirtualService): string[] {
  const { hosts = [], gateways = [] } = spec;
  if (gateways.length > 0 && !gateways.includes('mesh')) return [];
  return hosts.map((host) => fullHost(host, metadata.namespace ?? ''));
}

class HostIndex<T> {
  private readonly exact = new Map<string, T[]>();
  private readonly wildcards: { host: string; value: T }[] = [];

  add(host: string, value: T): void {
    if (host.startsWith('*')) this.wildcards.push({ host, value });
    const values = this.exact.get(host);
    if (values) values.push(value);
    else this.exact.set(host, [value]);
  }

  exactly(host: string): readonly T[] {
    return this.exact.get(host) ?? [];
  }

  covering(host: string): readonly T[] {
    const wild = this.wildcards.filter((each) => each.host !== host && hostWithin(host, each.host)).map(({ value }) => value);
    return wild.length === 0 ? this.exactly(host) : [...this.exactly(host), ...wild];
  }
}
