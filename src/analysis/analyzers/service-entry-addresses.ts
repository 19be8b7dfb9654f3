// TCP ports of ServiceEntries without addresses: a connection cannot be told from others by its port alone.
import { isPlainObject } from '#api/json';
import type { ServiceEntry } from '#api/kinds/service-entry';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Resources } from '../resources.ts';

function* check(object: ServiceEntry, resources: Resources): Iterable<Finding> {
  if (object.spec.addresses || allocates(resources) || hasAllocated(object)) return;
  for (const [index, { protocol = '' }] of (object.spec.ports ?? []).entries()) {
    if (protocol !== '' && protocol.toUpperCase() !== 'TCP') continue;
    const message = 'TCP ports without addresses take the traffic of every host on their port';
    yield finding('IST0134', object, `spec.ports[${index}]`, message, 'give addresses, or have them allocated');
  }
}

/** Whether proxies capture DNS and are given addresses of their own for hosts. */
function allocates({ meshConfig }: Resources): boolean {
  const isOn = (name: string) => String(meshConfig.proxyMetadata[name]) === 'true';
  return isOn('ISTIO_META_DNS_CAPTURE') && (isOn('ISTIO_META_DNS_AUTO_ALLOCATE') || isOn('PILOT_ENABLE_IP_AUTOALLOCATE'));
}

function hasAllocated({ status }: ServiceEntry): boolean {
  return isPlainObject(status) && Array.isArray(status['addresses']) && status['addresses'].length > 0;
}

export const serviceEntryAddresses = analyzer('serviceentry.Analyzer', ['networking.istio.io/ServiceEntry'], check);
