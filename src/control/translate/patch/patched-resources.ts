// Resources as EnvoyFilters leave them: each is patched once for all proxies that have the same patches, and those that no patch is
// about stay what they are.

import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { TypedExtensionConfig } from '#codec/protobuf/generated/envoy/config/core/v3/extension';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { createResource, type Resource } from '#xds/resource';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { patchCluster } from './cluster-patch.ts';
import { patchListener } from './listener-patch.ts';
import type { Context, Patch, PatchSet } from './patch.ts';
import { inContext } from './patch.ts';
import { Patchable } from './patch-list.ts';
import { patchRoutes } from './route-patch.ts';

const entriesMax = 10_000;

export class PatchedResources {
  /** By what went in; the oldest go when it is full. */
  private readonly made = new Map<string, Resource | undefined>();

  constructor(private readonly json: CanonicalJson) {}

  /** `gateway`: the proxy is one. */
  patch(type: TypeUrl, resources: Iterable<Resource>, set: PatchSet, gateway: boolean): Resource[] {
    const patched = [...resources].flatMap((resource) => this.one(type, resource, set, gateway) ?? []);
    const names = new Set(patched.map(({ name }) => name));
    return [...patched, ...this.added(type, set.patches, gateway).filter(({ name }) => !names.has(name))];
  }

  /** Filters' configurations that patches bring: those that listeners name, which are patched to ask for them. Of one name, the last. */
  extensions({ patches }: PatchSet, names: ReadonlySet<string>, gateway: boolean): Resource[] {
    const kind = new Patchable(this.json, 'envoy.config.core.v3.TypedExtensionConfig', TypedExtensionConfig);
    const brought = patches.filter(({ applyTo, operation }) => applyTo === 'EXTENSION_CONFIG' && operation !== 'REMOVE');
    const made = brought.filter((patch) => isFor(patch, gateway)).flatMap((patch) => kind.make(patch) ?? []);
    return made
      .filter(({ name }, i) => names.has(name) && !made.slice(i + 1).some((later) => later.name === name))
      .map((config) => createResource(typeUrl.extension, config.name, TypedExtensionConfig.encode(config).finish()));
  }

  private one(type: TypeUrl, resource: Resource, { key, patches }: PatchSet, gateway: boolean): Resource | undefined {
    const whole = `${type} ${resource.name} ${resource.version} ${key}`;
    if (this.made.has(whole)) return this.made.get(whole);
    const bytes = this.bytes(type, resource, patches, gateway);
    const result = bytes === undefined ? undefined : bytes === resource.body.value ? resource : createResource(type, resource.name, bytes);
    if (this.made.size >= entriesMax) this.made.delete(this.made.keys().next().value!);
    this.made.set(whole, result);
    return result;
  }

  private bytes(type: TypeUrl, { name, body }: Resource, patches: readonly Patch[], gateway: boolean): Uint8Array | undefined {
    const { json } = this;
    switch (type) {
      case typeUrl.cluster:
        return patchCluster(name, body.value, patches, gateway, json);
      case typeUrl.listener: {
        const listener = Listener.decode(body.value);
        const patched = patchListener(listener, patches, gateway, json);
        return patched === listener ? body.value : patched && Listener.encode(patched).finish();
      }
      case typeUrl.route: {
        const routes = RouteConfiguration.decode(body.value);
        const patched = patchRoutes(routes, patches, gateway ? 'GATEWAY' : 'SIDECAR_OUTBOUND', json);
        return patched === routes ? body.value : RouteConfiguration.encode(patched).finish();
      }
      default:
        return body.value;
    }
  }

  /** Clusters and listeners that a patch adds. */
  private added(type: TypeUrl, patches: readonly Patch[], gateway: boolean): Resource[] {
    const of = (applyTo: Patch['applyTo']) => {
      const added = patches.filter((patch) => patch.applyTo === applyTo && patch.operation === 'ADD');
      return added.filter((patch) => isFor(patch, gateway));
    };
    if (type === typeUrl.cluster) {
      const kind = new Patchable(this.json, 'envoy.config.cluster.v3.Cluster', Cluster);
      const clusters = of('CLUSTER').flatMap((patch) => kind.make(patch) ?? []);
      return clusters.map((cluster) => createResource(type, cluster.name, Cluster.encode(cluster).finish()));
    }
    if (type !== typeUrl.listener) return [];
    const kind = new Patchable(this.json, 'envoy.config.listener.v3.Listener', Listener);
    const listeners = of('LISTENER').flatMap((patch) => kind.make(patch) ?? []);
    return listeners.map((listener) => createResource(type, listener.name, Listener.encode(listener).finish()));
  }
}

/** Of what stands in no listener. */
function isFor(patch: Patch, gateway: boolean): boolean {
  const contexts: readonly Context[] = gateway ? ['GATEWAY'] : ['SIDECAR_OUTBOUND', 'SIDECAR_INBOUND'];
  return contexts.some((context) => inContext(patch, context));
}
