// What each proxy was told and what it made of it: the rows of `istioctl proxy-status`.
import type { DeliveryStatus } from '#xds/delivery';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { ProxyConnection } from './proxy-connection.ts';

export interface ProxyStatus {
  /** `pod.namespace`. */
  proxy: string;
  type: string;
  clusterId: string;
  /** Of the proxy; empty when it does not say. */
  version: string;
  cds: DeliveryStatus;
  lds: DeliveryStatus;
  eds: DeliveryStatus;
  rds: DeliveryStatus;
  /** Extension configurations: Lateen sends none. */
  ecds: DeliveryStatus;
  /** Whom the proxy is connected to. */
  controlPlane: string;
  /** Why the proxy refused what it was sent last, by type. */
  errors?: Record<string, string>;
}

const controlPlaneName = 'lateen';

/** From bad to good. */
const badFirst: readonly DeliveryStatus[] = ['ERROR', 'STALE', 'NOT SENT', 'SYNCED'];

function worst(a: DeliveryStatus, b: DeliveryStatus): DeliveryStatus {
  return badFirst.find((status) => status === a || status === b) ?? a;
}

/** Sorted by proxy. Streams that have not said who they are do not count. */
export function proxyStatuses(connections: Iterable<ProxyConnection>): ProxyStatus[] {
  const rows: ProxyStatus[] = [];
  for (const { proxy, subscriptions } of connections) {
    if (!proxy) continue;
    const of = (type: TypeUrl) => subscriptions.get(type)?.delivery.status ?? 'NOT SENT';
    const errors: Record<string, string> = {};
    for (const [type, { delivery }] of subscriptions) if (delivery.rejection) errors[type] = delivery.rejection.message;
    rows.push({
      proxy: proxy.name,
      type: proxy.type,
      clusterId: proxy.clusterId,
      version: proxy.istioVersion ?? '',
      cds: of(typeUrl.cluster),
      lds: of(typeUrl.listener),
      eds: of(typeUrl.endpoint),
      // Virtual hosts are routes, however they travel.
      rds: worst(of(typeUrl.route), subscriptions.has(typeUrl.virtualHost) ? of(typeUrl.virtualHost) : 'SYNCED'),
      ecds: 'NOT SENT',
      controlPlane: controlPlaneName,
      ...(Object.keys(errors).length > 0 && { errors }),
    });
  }
  return rows.sort((a, b) => (a.proxy < b.proxy ? -1 : a.proxy > b.proxy ? 1 : 0));
}
