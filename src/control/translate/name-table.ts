// The names that a proxy answers for its program, and the addresses behind them: Istio's name discovery.
import { NameTable, type NameTable_NameInfo } from '#codec/protobuf/generated/istio/nds';
import type { MeshService } from '#control/mesh/service';
import { addressesFor } from '#control/view/proxy';
import type { ProxyView } from '#control/view/proxy-view';

/** The one resource of its type. */
export const nameTableName = 'NameTable';

/** No range, no socket's path, no name. */
const ipPattern = /^[\d.]+$|^[\da-fA-F:]*:[\da-fA-F:.]*$/;

/** In bytes. A service without addresses is called by those of its endpoints; its pods have names below its own. */
export function nameTable({ scope, snapshot, proxy }: ProxyView): Uint8Array {
  const table: Record<string, NameTable_NameInfo> = {};
  for (const service of scope.services) {
    const addresses = addressesFor(proxy, service);
    const endpoints = addresses.length === 0 && service.resolution === 'passthrough' ? endpointsOf(service) : [];
    const ips = [...addresses, ...endpoints.map(({ address }) => address)].filter((address) => ipPattern.test(address));
    if (ips.length > 0) table[service.hostname] = entry(service, ips, service.name);
    for (const { hostname, address } of endpoints) {
      if (hostname !== '') table[`${hostname}.${service.hostname}`] = entry(service, [address], `${hostname}.${service.name}`);
    }
  }
  return NameTable.encode({ table }).finish();

  function endpointsOf({ hostname }: MeshService) {
    return snapshot.endpoints.get(hostname)?.items ?? [];
  }
}

/** Names of a ServiceEntry have no short forms. */
function entry({ kind, namespace }: MeshService, ips: string[], shortname: string): NameTable_NameInfo {
  return kind === 'Service'
    ? { ips, registry: 'Kubernetes', shortname, namespace }
    : { ips, registry: 'External', shortname: '', namespace: '' };
}
