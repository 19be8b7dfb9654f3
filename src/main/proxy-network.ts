// Where a proxy's sockets are made: in its pod's namespace, where it has one. Shared by the processes that run proxies.
import type { Socket } from 'node:net';
import { NamespaceNetwork } from '#net/namespace-network';
import { type Network, ownNetwork } from '#net/network';
import { descriptorOf } from '#net/socket-handle';
import { loadSystemCalls, type SystemCalls } from '#net/system-calls';
import type { ProxyBootstrap } from '#proxy/bootstrap';

/** The library behind it is loaded when the first one is asked for. */
export function proxyNetworks(): (bootstrap: ProxyBootstrap) => Promise<NamespaceNetwork | undefined> {
  let systemCalls: Promise<SystemCalls> | undefined;
  return async ({ namespace }) => {
    if (namespace === undefined) return undefined;
    systemCalls ??= loadSystemCalls();
    return new NamespaceNetwork(await systemCalls, namespace.file, namespace.range);
  };
}

/** This process's own, in which others may redirect connections to it, as Istio's init container does. */
export async function redirectedNetwork(): Promise<Network> {
  const calls = await loadSystemCalls().catch(() => undefined);
  if (calls === undefined) return ownNetwork;
  const originalDestination = (accepted: Socket) =>
    calls.originalDestination(descriptorOf(accepted)) ?? ownNetwork.originalDestination(accepted);
  return { ...ownNetwork, originalDestination };
}
