// Which of Istio's resources proxies refuse, by the resources of xDS that they were made into: those name where they come from in their metadata, and
// what EnvoyFilters patch is theirs. Pure.
import { patchesFor } from '#control/translate/patch/patch';
import type { ProxyView } from '#control/view/proxy-view';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { Discovery } from './discovery.ts';

export interface Refusal {
  kind: RefusedKind;
  namespace: string;
  name: string;
  /** Sorted: `reviews-v1.default`. */
  proxies: readonly string[];
  /** Of the first of them, as it worded it. */
  reason: string;
}

export const refusedKinds = ['VirtualService', 'DestinationRule', 'EnvoyFilter'] as const;
export type RefusedKind = (typeof refusedKinds)[number];

/** In the order of the proxies' names. */
export function refusalsOf(discovery: Pick<Discovery, 'connections' | 'resources' | 'view'>): Refusal[] {
  const found = new Map<string, { refusal: Omit<Refusal, 'proxies'>; proxies: Set<string> }>();
  const connections = [...discovery.connections].sort((a, b) => ((a.proxy?.name ?? '') < (b.proxy?.name ?? '') ? -1 : 1));
  for (const { proxy, subscriptions } of connections) {
    if (!proxy) continue;
    for (const [type, { delivery, interest }] of subscriptions) {
      const lines = delivery.rejection?.message.split('\n') ?? [];
      if (lines.length === 0) continue;
      for (const { name, body } of discovery.resources(proxy, type, interest).values()) {
        const reason = lines.find((line) => line.startsWith(`${name}: `) || line.includes(` ${name}: `));
        if (reason === undefined) continue;
        for (const source of [...sourcesIn(body.value), ...patchesOf(discovery.view(proxy), type)]) {
          const id = `${source.kind} ${source.namespace}/${source.name}`;
          const known = found.get(id);
          if (known) known.proxies.add(proxy.name);
          else found.set(id, { refusal: { ...source, reason }, proxies: new Set([proxy.name]) });
        }
      }
    }
  }
  return [...found.values()].map(({ refusal, proxies }) => ({ ...refusal, proxies: [...proxies] }));
}

type Source = Pick<Refusal, 'kind' | 'namespace' | 'name'>;

const configPath = /\/apis\/networking\.istio\.io\/v1\/namespaces\/([a-z0-9-]+)\/(virtual-service|destination-rule)\/([a-z0-9.-]+)/g;

/** Istio's metadata `config`, wherever it stands in the message. */
function sourcesIn(bytes: Buffer): Source[] {
  return [...bytes.toString('latin1').matchAll(configPath)].map(([, namespace = '', kind, name = '']) => {
    return { kind: kind === 'virtual-service' ? 'VirtualService' : 'DestinationRule', namespace, name };
  });
}

const typesOfPatches: Readonly<Record<string, TypeUrl>> = {
  LISTENER: typeUrl.listener,
  LISTENER_FILTER: typeUrl.listener,
  FILTER_CHAIN: typeUrl.listener,
  NETWORK_FILTER: typeUrl.listener,
  HTTP_FILTER: typeUrl.listener,
  ROUTE_CONFIGURATION: typeUrl.route,
  VIRTUAL_HOST: typeUrl.route,
  HTTP_ROUTE: typeUrl.route,
  CLUSTER: typeUrl.cluster,
};

function patchesOf(view: ProxyView, type: TypeUrl): Source[] {
  if (patchesFor(view).patches.length === 0) return [];
  const patching = view.policies.envoyFilters.filter(({ object }) =>
    object.spec?.configPatches?.some(({ applyTo }) => applyTo !== undefined && typesOfPatches[applyTo] === type),
  );
  return patching.map(({ namespace, name }) => ({ kind: 'EnvoyFilter', namespace, name }));
}
