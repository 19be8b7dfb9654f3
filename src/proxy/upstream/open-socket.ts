// Opens a socket to an endpoint: from where, to where, read how. The only place of the data path that connects.
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { identityPlacement, place } from '#proxy/config/socket-address';
import type { Endpoint } from './endpoint.ts';

/**
 * `onConnect` is called once it is connected, and where the cluster asks for TLS, secured. The caller listens for `error` and `close`;
 * connecting is bounded by the caller's timeout.
 */
export function openSocket(endpoint: Endpoint, onread: OnReadOpts, allowHalfOpen: boolean, onConnect: () => void): Socket {
  const { placement, config, resolver } = endpoint.context;
  const { address, port } = endpoint.target;
  // Without a network namespace of its own, a pod is known to its peers by its source address.
  const source = config.bindAddress ?? (placement.wildcard === identityPlacement.wildcard ? undefined : placement.wildcard);
  const options = {
    host: address,
    port,
    onread,
    allowHalfOpen,
    noDelay: true,
    ...(config.keepaliveMs === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: config.keepaliveMs }),
    ...(source === undefined ? {} : { localAddress: place(placement, source) }),
    ...(isIP(address) > 0 ? {} : { lookup: resolver.lookup }),
  };
  const tls = endpoint.context.tlsFor(endpoint.config);
  return tls === undefined ? connect(options, onConnect) : tls.connect(options, onConnect);
}
