// Where a proxy's sockets are made: in its pod's namespace, where it has one. Shared by the processes that run proxies.
import { NamespaceNetwork } from '#net/namespace-network';
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
