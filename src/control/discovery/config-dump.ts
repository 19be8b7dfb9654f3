// What the control plane would send to one proxy now, in the shape of that proxy's own /config_dump, so that the two can be
// laid beside each other. Secrets are never shown.
import type { JsonValue } from '@bufbuild/protobuf';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { dumpSections, withoutSecrets } from '#xds/config-dump';
import type { Discovery } from './discovery.ts';

type Section = { [key: string]: JsonValue };

const shown = [dumpSections.cluster, dumpSections.endpoint, dumpSections.listener, dumpSections.route];

/** `proxyId`: `pod.namespace`, or the whole node id. Undefined where no such proxy is connected. */
export function dumpIntent(discovery: Discovery, proxyId: string, json: CanonicalJson): JsonValue | undefined {
  const connection = [...discovery.connections].find(({ proxy }) => proxy?.name === proxyId || proxy?.id === proxyId);
  if (!connection?.proxy) return undefined;
  const { proxy, subscriptions } = connection;
  const configs = shown.map(({ typeUrl, dumpType, active, item }): Section => {
    const subscription = subscriptions.get(typeUrl);
    // Virtual hosts that travel by themselves are shown in their routes, as the proxy shows them.
    const whole = { ...proxy, virtualHostDiscovery: false };
    const resources = subscription ? [...discovery.resources(whole, typeUrl, subscription.interest).values()] : [];
    const entries = resources.map(({ name, version, body }): Section => {
      const entry = { version_info: version, [item]: withoutSecrets(json.print(typeUrl, body.value)) };
      return item === 'listener' ? { name, active_state: entry } : entry;
    });
    return { '@type': dumpType, [active]: entries };
  });
  return { configs };
}
