// Puts route configurations together from virtual hosts that are encoded already: in protobuf, a message with repeated
// fields is the concatenation of its parts. So one edit among thousands of hosts encodes one host.
import { createHash } from 'node:crypto';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type { Resource } from '#xds/resource';
import { typeUrl } from '#xds/resource-type';
import { adsSource, bytesOf } from './message.ts';
import type { Recipe, ResourceCache } from './resource-cache.ts';
import { type VirtualHostInput, virtualHostRecipe } from './virtual-host.ts';

interface AssemblyInput {
  name: string;
  hosts: readonly Resource[];
}

const assemblyRecipe: Recipe<AssemblyInput> = {
  type: typeUrl.route,
  name: ({ name }) => name,
  key: ({ name, hosts }) => {
    const hash = createHash('sha1');
    for (const host of hosts) hash.update(host.version);
    return `${name} ${hash.digest('hex')}`;
  },
  build: ({ name, hosts }) => {
    const virtualHostsTag = (2 << 3) | 2;
    const parts: Uint8Array[] = [bytesOf(RouteConfiguration, { name, validateClusters: false })];
    for (const { body } of hosts) parts.push(new BinaryWriter().uint32(virtualHostsTag).uint32(body.value.length).finish(), body.value);
    return Buffer.concat(parts);
  },
};

/** A route configuration whose virtual hosts travel by themselves. */
export const discoveredRoutesRecipe: Recipe<string> = {
  type: typeUrl.route,
  name: (name) => name,
  key: (name) => `discovered ${name}`,
  build: (name) => bytesOf(RouteConfiguration, { name, validateClusters: false, vhds: { configSource: adsSource() } }),
};

/** One of them. `routes`: of which route configuration it is. */
export const discoveredHostRecipe: Recipe<{ routes: string; host: VirtualHostInput }> = {
  type: typeUrl.virtualHost,
  name: ({ routes, host }) => `${routes}/${host.name}`,
  key: ({ routes, host }) => `${routes} ${virtualHostRecipe.key(host)}`,
  build: ({ host }) => virtualHostRecipe.build(host),
};

/** `hosts`: no domain twice (`distinctHosts`), so that their order says nothing: they stand by name, as where they travel one by one. */
export function routeConfiguration(cache: ResourceCache, name: string, hosts: readonly VirtualHostInput[]): Resource {
  const sorted = [...hosts].sort((a, b) => (a.name < b.name ? -1 : 1));
  return cache.make(assemblyRecipe, { name, hosts: sorted.map((host) => cache.make(virtualHostRecipe, host)) });
}

/** Envoy refuses a configuration in which two hosts claim one domain: the first one has it. */
export function distinctHosts(inputs: readonly VirtualHostInput[]): VirtualHostInput[] {
  const taken = new Set<string>();
  return inputs.flatMap((input) => {
    const domains = input.domains.filter((domain) => !taken.has(domain));
    for (const domain of domains) taken.add(domain);
    if (domains.length === 0) return [];
    return [domains.length === input.domains.length ? input : { ...input, domains }];
  });
}
