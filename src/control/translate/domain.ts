// The domains under which clients may ask for a service: Istio's list of its names, with and without port.
import { isWildcard } from '#control/mesh/hostname';
import type { MeshService } from '#control/mesh/service';
import { addressesFor, type MeshProxy } from '#control/view/proxy';

export type PortForms = 'with port' | 'with and without port';

/** Seen by the clients of a proxy. */
export function serviceDomains(service: MeshService, port: number, proxy: MeshProxy, domainSuffix: string, forms: PortForms): string[] {
  const names = [...serviceNames(service, proxy.namespace, domainSuffix), ...addressesFor(proxy, service)];
  return names.flatMap((name) => portForms(name, port, forms));
}

export function portForms(name: string, port: number, forms: PortForms): string[] {
  const host = name.includes(':') ? `[${name}]` : name; // an IPv6 address
  if (host === '*') return ['*'];
  return forms === 'with port' ? [`${host}:${port}`] : [host, `${host}:${port}`];
}

/** `reviews` within its namespace alone; `reviews.default` and `reviews.default.svc` everywhere. */
function serviceNames(service: MeshService, clientNamespace: string, domainSuffix: string): string[] {
  const { hostname, namespace } = service;
  const suffix = `.${namespace}.svc.${domainSuffix}`;
  if (isWildcard(hostname) || !hostname.endsWith(suffix)) return [hostname];
  const name = hostname.slice(0, -suffix.length);
  return [hostname, ...(namespace === clientNamespace ? [name] : []), `${name}.${namespace}.svc`, `${name}.${namespace}`];
}
