// Which resources have a say in one call. In a mesh of thousands, checking and decoding the others is most of the work. Pure.
import { isIP } from 'node:net';
import { isPlainObject } from '#api/json';
import { parseCall } from './call.ts';
import type { Call } from './explanation.ts';

/**
 * Chooses among resources that are not decoded yet: all but those VirtualServices and DestinationRules whose hosts cannot be a host of
 * the call, nor one that its VirtualServices lead to. Hosts are compared by their first label, which every form of a name shares: more may
 * be chosen than is needed, never less. Undefined: everything may have a say.
 */
export function concernOf(call: Call): ((resources: readonly unknown[]) => (resource: unknown) => boolean) | undefined {
  const { host, protocol, request } = parseCall(call);
  const authority = request.authority.replace(/:\d+$/, '');
  if (protocol !== 'http' || isIP(host) || isIP(authority)) return undefined;
  const asked = new Set([host, authority].map(labelOf));
  return (resources) => {
    const routes = (resource: unknown) => kindOf(resource) !== 'VirtualService' || mayName(asked, hostsOf(resource));
    const led = new Set(asked);
    for (const resource of resources) {
      if (kindOf(resource) === 'VirtualService' && routes(resource)) for (const name of namedHosts(resource)) led.add(labelOf(name));
    }
    return (resource) => (kindOf(resource) === 'DestinationRule' ? mayName(led, hostsOf(resource)) : routes(resource));
  };
}

function kindOf(resource: unknown): unknown {
  return isPlainObject(resource) ? resource['kind'] : undefined;
}

/** Of a VirtualService or DestinationRule; whatever is not written as it should be counts as any host. */
function hostsOf(resource: unknown): readonly string[] {
  const spec = isPlainObject(resource) ? resource['spec'] : undefined;
  if (!isPlainObject(spec)) return ['*'];
  const hosts = spec['hosts'] ?? [spec['host']];
  return Array.isArray(hosts) && hosts.length > 0 ? hosts.map((host) => (typeof host === 'string' ? host : '*')) : ['*'];
}

function mayName(labels: ReadonlySet<string>, hosts: readonly string[]): boolean {
  return hosts.some((host) => host.startsWith('*') || labels.has(labelOf(host)));
}

function labelOf(host: string): string {
  return host.split('.', 1)[0]!.toLowerCase();
}

/** Every `host` inside: destinations and mirrors, wherever they stand. */
function* namedHosts(value: unknown): Iterable<string> {
  if (Array.isArray(value)) for (const element of value) yield* namedHosts(element);
  else if (isPlainObject(value)) {
    for (const [key, field] of Object.entries(value)) {
      if (key === 'host' && typeof field === 'string') yield field;
      else yield* namedHosts(field);
    }
  }
}
