// The cluster IPs of Services: a new Service gets a free one, and keeps it. Pure but for the view.
import type { ApiObject } from '#api/kind';
import { type Service, serviceKind } from '#api/kinds/service';
import type { StoreView } from './memory-store.ts';

/** Of a /16; its first 255 are left to those that are asked for. */
const addressesMax = 65_000;

/** The Service with its cluster IP; headless and external ones have none. `network`: the first half of new ones, `10.96`. */
export function withClusterIp(object: ApiObject, view: StoreView, network: string): ApiObject {
  if (object.kind !== 'Service' || object.apiVersion !== 'v1') return object;
  const service = object as Service;
  const { type, clusterIP: asked } = service.spec;
  if (type === 'ExternalName' || (asked !== undefined && asked !== '')) return service;
  const { namespace = '', name } = object.metadata;
  const stored = view.get(serviceKind, namespace, name) as Service | undefined;
  const clusterIP = stored?.spec.clusterIP ?? freeAddress(`${namespace}/${name}`, view, network);
  if (clusterIP === undefined) return service;
  const families = { ipFamilies: ['IPv4' as const], ipFamilyPolicy: 'SingleStack' as const };
  return {
    ...service,
    spec: { ...families, internalTrafficPolicy: 'Cluster', ...service.spec, clusterIP, clusterIPs: [clusterIP] },
  } as Service;
}

/** Begins where the name leads, so that the same manifests mostly get the same addresses. Undefined: all are taken. */
function freeAddress(key: string, view: StoreView, network: string): string | undefined {
  const used = new Set([...view.all(serviceKind)].map((service) => (service as Service).spec.clusterIP));
  let start = 0;
  for (const letter of key) start = (Math.imul(start, 31) + letter.charCodeAt(0)) >>> 0;
  for (let i = 0; i < addressesMax; i++) {
    const index = 256 + ((start + i) % addressesMax);
    const address = `${network}.${index >> 8}.${index & 255}`;
    if ((index & 255) !== 0 && (index & 255) !== 255 && !used.has(address)) return address;
  }
  return undefined;
}
