// Opens a socket to an endpoint: from where, to where, read how. The only place of the data path that connects.
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { encodeProxyHeader, type ProxiedConnection } from '#codec/proxy-protocol/header';
import { identityPlacement, isSocketPath, place } from '#proxy/config/socket-address';
import { deliverTo } from '#proxy/socket/accepted-socket';
import type { Endpoint } from './endpoint.ts';
import type { TlsOffer } from './tls-offer.ts';

export interface OpenOptions {
  /** The one connection that this one is for, where it is for one alone. */
  proxied?: ProxiedConnection | undefined;
  /** Said in TLS, in the place of what the cluster says. */
  offer?: TlsOffer | undefined;
}

/**
 * `onConnect` is called once it is connected, and where the cluster asks for TLS, secured. The caller listens for `error` and `close`;
 * connecting is bounded by the caller's timeout. Without `onread`, bytes come as `data`.
 */
export function openSocket(
  endpoint: Endpoint,
  onread: OnReadOpts | undefined,
  allowHalfOpen: boolean,
  onConnect: () => void,
  { proxied, offer }: OpenOptions = {},
): Socket {
  const { network, config, keepaliveProbes } = endpoint.context;
  const { address } = endpoint.target;
  const isPath = isSocketPath(address);
  const entered = <S extends Socket>(socket: S): S => {
    if (!isPath) {
      network.enter(socket, address);
      if (config.keepalive !== undefined) keepaliveProbes.set(socket, config.keepalive);
    }
    return socket;
  };
  // Node, as the kernel, marks an abstract name by a zero byte.
  const where = isPath ? { path: address.replace(/^@/, '\0') } : networkOptions(endpoint);
  const options = { ...where, ...(onread && { onread }), allowHalfOpen };
  const tls = endpoint.context.tlsFor(endpoint.config);
  if (config.proxyProtocol === undefined)
    return entered(tls === undefined ? connect(options, onConnect) : tls.connect(options, onConnect, offer));
  const header = encodeProxyHeader(config.proxyProtocol, proxied);
  if (tls === undefined) {
    const socket = entered(connect(options, onConnect));
    socket.write(header);
    return socket;
  }
  // TLS over a socket that is there already takes no `onread`.
  const { onread: _, ...below } = options;
  const socket = entered(connect(below));
  socket.write(header);
  const secured = tls.connect({ ...below, socket }, onConnect, offer);
  return onread ? deliverTo(secured, onread) : secured;
}

function networkOptions({ context, target: { address, port } }: Endpoint) {
  const { placement, config, resolver } = context;
  // Without a network namespace of its own, a pod is known to its peers by its source address.
  const source = config.bindAddress ?? (placement.wildcard === identityPlacement.wildcard ? undefined : placement.wildcard);
  return {
    host: address,
    port,
    noDelay: true,
    ...(config.keepalive === undefined ? {} : { keepAlive: true, keepAliveInitialDelay: config.keepalive.timeMs }),
    ...(source === undefined ? {} : { localAddress: place(placement, source) }),
    ...(isIP(address) > 0 ? {} : { lookup: resolver.lookup, servername: address }),
  };
}
