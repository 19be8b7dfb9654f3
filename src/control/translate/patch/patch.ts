// Patches of EnvoyFilters that concern one proxy, in the order in which they are made.

import type { ConfigPatch } from '#api/kinds/envoy-filter';
import { Regex } from '#codec/regex';
import type { MeshProxy } from '#control/view/proxy';
import type { ProxyView } from '#control/view/proxy-view';

export type Patched = NonNullable<ConfigPatch['applyTo']>;
export type Match = NonNullable<ConfigPatch['match']>;
export type Context = 'SIDECAR_INBOUND' | 'SIDECAR_OUTBOUND' | 'GATEWAY';

export interface Patch {
  readonly applyTo: Patched;
  readonly operation: NonNullable<NonNullable<ConfigPatch['patch']>['operation']>;
  readonly match: Match;
  /** JSON of the message that is patched. */
  readonly value: Readonly<Record<string, unknown>> | undefined;
}

/** With a key that is equal for equal patches; empty where there are none. */
export interface PatchSet {
  readonly key: string;
  readonly patches: readonly Patch[];
}

export function patchesFor({ policies, proxy }: ProxyView): PatchSet {
  const { envoyFilters } = policies;
  if (envoyFilters.length === 0) return none;
  const patches = envoyFilters.flatMap(({ object }) =>
    (object.spec?.configPatches ?? []).flatMap(({ applyTo, match = {}, patch }): Patch[] => {
      if (!applyTo || !patch?.operation || !concerns(match, proxy)) return [];
      return [{ applyTo, operation: patch.operation, match, value: opened(patch.value) as Patch['value'] }];
    }),
  );
  if (patches.length === 0) return none;
  return { key: `${proxy.type} ${proxy.istioVersion} ${envoyFilters.map(({ stamp }) => stamp).join(',')}`, patches };
}

const typedStructs = ['type.googleapis.com/udpa.type.v1.TypedStruct', 'type.googleapis.com/xds.type.v3.TypedStruct'];

/** A TypedStruct says which message it stands for, in JSON: that message it becomes, so that proxies need not read it. */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== 'object' || value === null) return value;
  const { '@type': type, type_url: snake, typeUrl: camel = snake, value: inner } = value as Record<string, unknown>;
  if (typeof type === 'string' && typedStructs.includes(type) && typeof camel === 'string') {
    return { '@type': camel, ...(opened(inner ?? {}) as object) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each)]));
}

const none: PatchSet = { key: '', patches: [] };

/** The version is matched by a regular expression; it may stand anywhere in it, as in Istio. */
function concerns({ proxy: wanted }: Match, proxy: MeshProxy): boolean {
  if (wanted?.proxyVersion && !new Regex(wanted.proxyVersion).isIn(proxy.istioVersion ?? '')) return false;
  return Object.entries(wanted?.metadata ?? {}).every(([name, value]) => proxy.metadata[name] === value);
}

export function inContext({ match }: Patch, context: Context): boolean {
  return match.context === undefined || match.context === 'ANY' || match.context === context;
}
