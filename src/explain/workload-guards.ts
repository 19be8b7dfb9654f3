// What a call meets before the workloads that it is sent to: the guards of their own proxies. Pure.
import type { Pod } from '#api/kinds/pod';
import type { MeshProxy } from '#control/view/proxy';
import { matchFilterChain } from '#proxy/listen/filter-chain-matcher';
import type { RoutedRequest } from '#proxy/route/route';
import { parseCall, proxyOfPod } from './call.ts';
import type { Call, Destination, Explanation, Guard, Policies } from './explanation.ts';
import { guardsOf } from './guards.ts';
import type { ProxyTables } from './tables.ts';
import type { World } from './world.ts';

/** Of each destination, before the first of its workloads that is known here. `caller`: undefined from outside. */
export function workloadGuards(
  call: Call,
  { outcome, guards }: Pick<Explanation, 'outcome' | 'guards'>,
  world: World,
  caller: Pod | undefined,
  tablesOf: (proxy: MeshProxy) => ProxyTables,
): Guard[] {
  const { requestAuthentications, authorizationPolicies, envoyFilters } = world.snapshot;
  const none = requestAuthentications.size + authorizationPolicies.size + envoyFilters.size === 0;
  if (none || outcome.kind !== 'forward' || guards.some(({ verdict }) => verdict === 'refuses')) return [];
  const { request } = parseCall(call);
  return outcome.destinations.flatMap((destination) => {
    const found = workloadOf(destination, world);
    if (found === undefined) return [];
    const proxy = proxyOfPod(found.pod);
    const listener = tablesOf(proxy).listeners.find(({ name }) => name === 'virtualInbound');
    const chain =
      listener &&
      matchFilterChain(listener, {
        destinationAddress: found.address,
        destinationPort: found.port,
        sourceAddress: caller?.status?.podIP ?? '127.0.0.1',
        ...(outcome.protocol === 'http' && { plainProtocol: 'http/1.1' }),
      });
    if (chain === undefined) return [];
    const arriving = outcome.protocol === 'http' ? asSent(request, outcome.policies, destination) : undefined;
    const visitor = { address: caller?.status?.podIP, destination: { address: found.address, port: found.port }, request: arriving };
    return guardsOf(`${proxy.type} ${proxy.name}`, chain, visitor);
  });
}

function workloadOf({ endpoints }: Destination, { pods }: World): { pod: Pod; address: string; port: number } | undefined {
  for (const { address: where } of endpoints) {
    const [, address = '', port] = /^\[?(.*?)\]?:(\d+)$/.exec(where) ?? [];
    const pod = pods.find(({ status }) => status?.podIP === address);
    if (pod) return { pod, address, port: Number(port) };
  }
  return undefined;
}

/** As the route and the destination leave it. */
function asSent(request: RoutedRequest, { path, authority, headers }: Policies, destination: Destination): RoutedRequest {
  const changed = { ...headers?.request, ...destination.headers?.request };
  return {
    ...request,
    path: path ?? request.path,
    authority: authority ?? request.authority,
    header: (name) => (Object.hasOwn(changed, name) ? (changed[name] ?? undefined) : request.header(name)),
  };
}
