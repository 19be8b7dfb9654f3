// Who sees which host: Services and ServiceEntries, found as a resource of some namespace would find them.
import type { Service } from '#api/kinds/service';
import type { ServiceEntry } from '#api/kinds/service-entry';
import { fullHost, hostWithin } from './host.ts';
import type { Resources } from './resources.ts';

export interface KnownHost {
  ports: readonly number[];
  /** Labels of the pods behind it; none where it has no pods to select. */
  selector: Readonly<Record<string, string>>;
}

/** `*`, or the namespaces that see the resource. */
export function exportScopes(exportTo: readonly string[] | undefined, namespace: string): readonly string[] {
  if (!exportTo?.length || exportTo.includes('*')) return ['*'];
  return [...new Set(exportTo.map((entry) => (entry === '.' ? namespace : entry)))];
}

class ExportedHosts {
  private readonly exact = new Map<string, KnownHost>();
  private readonly wildcards: { scope: string; host: string; known: KnownHost }[] = [];

  add(scopes: readonly string[], host: string, known: KnownHost): void {
    for (const scope of scopes) {
      this.exact.set(`${scope}/${host}`, known);
      if (host.startsWith('*')) this.wildcards.push({ scope, host, known });
    }
  }

  /** `host` is full. */
  find(host: string, namespace: string, exportTo?: readonly string[]): KnownHost | undefined {
    for (const scope of ['*', ...(exportTo?.length ? exportScopes(exportTo, namespace) : [namespace])]) {
      const known = this.exact.get(`${scope}/${host}`);
      if (known) return known;
    }
    const sees = (scope: string) => scope === '*' || scope === namespace;
    return this.wildcards.find((each) => sees(each.scope) && hostWithin(host, each.host))?.known;
  }

  hosts(): string[] {
    return [...this.exact.keys()].map((key) => key.slice(key.indexOf('/') + 1));
  }
}

export function exportedHosts(resources: Resources): ExportedHosts {
  const hosts = new ExportedHosts();
  for (const { spec, metadata } of resources.all<ServiceEntry>('networking.istio.io/ServiceEntry')) {
    const { namespace = '' } = metadata;
    const known = { ports: (spec.ports ?? []).map(({ number }) => number), selector: spec.workloadSelector?.labels ?? {} };
    const scopes = exportScopes(spec.exportTo, namespace);
    for (const host of spec.hosts) hosts.add(scopes, fullHost(host, namespace), known);
  }
  for (const { spec, metadata } of resources.all<Service>('/Service')) {
    const { name, namespace = '', annotations = {} } = metadata;
    const exportTo = annotations['networking.istio.io/exportTo']?.split(',');
    const known = { ports: (spec.ports ?? []).map(({ port }) => port), selector: spec.selector ?? {} };
    hosts.add(exportScopes(exportTo, namespace), fullHost(name, namespace), known);
  }
  return hosts;
}
