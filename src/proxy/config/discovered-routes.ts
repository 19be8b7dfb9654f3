// Route configurations whose virtual hosts come by themselves (Envoy's VHDS): put together here whenever one of the hosts changes.
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { RouteTable, type VirtualHost } from '#proxy/route/route-table';
import { subscribedName, typeUrl } from '#xds/resource-type';
import type { DecodeCache } from './decode-cache.ts';
import type { HeldResource, HeldResources } from './held-resources.ts';

/** By what name their routes are known. */
export const routesOf = (resourceName: string): string => subscribedName(typeUrl.virtualHost, resourceName);

interface Discovered {
  /** As it came, with the hosts that came with it. */
  own: RouteTable;
  /** By name of the resource. */
  hosts: Map<string, VirtualHost>;
}

export class DiscoveredRoutes {
  private readonly byName = new Map<string, Discovered>();

  /** `decodings`: proxies of one process that have the same hosts have the same table. */
  constructor(private readonly decodings: DecodeCache) {}

  get names(): ReadonlySet<string> {
    return new Set(this.byName.keys());
  }

  /** Its hosts are those that have come for the name before. */
  set(own: RouteTable): void {
    this.byName.set(own.name, { own, hosts: this.byName.get(own.name)?.hosts ?? new Map() });
  }

  delete(name: string): void {
    this.byName.delete(name);
  }

  /** Undefined: it is gone. Nothing happens where nobody asked for the host. */
  setHost(resourceName: string, host: VirtualHost | undefined): void {
    const hosts = this.byName.get(routesOf(resourceName))?.hosts;
    if (host === undefined) hosts?.delete(resourceName);
    else hosts?.set(resourceName, host);
  }

  /** As it is now; undefined: the name is not known, or no host of it has come yet. */
  table(name: string): RouteTable | undefined {
    const discovered = this.byName.get(name);
    if (discovered === undefined) return undefined;
    const { own, hosts } = discovered;
    const parts = [own, ...hosts.values()];
    const all = [...own.virtualHosts, ...hosts.values()];
    return this.decodings.assemble(name, parts, () => new RouteTable(name, own.version, all, own.ignoresPort));
  }
}

/** The bytes of a route configuration with its hosts in place, by name, for whoever wants to look at it whole. */
export function wholeRoutes(routes: HeldResource, virtualHosts: HeldResources): Buffer {
  const { bytes } = routes.decoding;
  const config = RouteConfiguration.decode(bytes);
  if (config.vhds === undefined) return bytes;
  const own = RouteConfiguration.encode({ ...config, vhds: undefined }).finish();
  const virtualHostsField = 2;
  const hosts = [...virtualHosts.all()].filter(({ name }) => routesOf(name) === routes.name);
  hosts.sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts = hosts.map(({ decoding }) => {
    return new BinaryWriter().tag(virtualHostsField, WireType.LengthDelimited).bytes(decoding.bytes).finish();
  });
  return Buffer.concat([own, ...parts]);
}
