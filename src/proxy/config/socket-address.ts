// Addresses as the proxy's tables hold them, and how a pod without a network namespace of its own gets by.

export interface SocketAddress {
  /** An IP address; of upstream endpoints also a host name (of DNS clusters), and the path of a Unix socket or its abstract `@name`. */
  address: string;
  /** 0 for a Unix socket. */
  port: number;
}

export function isSocketPath(address: string): boolean {
  return address.startsWith('/') || address.startsWith('@');
}

export function formatAddress({ address, port }: SocketAddress): string {
  if (isSocketPath(address)) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * What stands for "every address" and for "this pod's loopback". A pod in a network namespace has the kernel's own
 * (`identityPlacement`); pods that share the machine's namespace get two addresses of 127/8 each, so that what
 * xDS says of 0.0.0.0 and 127.0.0.1 stays true per pod.
 */
export interface Placement {
  wildcard: string;
  loopback: string;
  /** Listener port inside the mesh -> where else it is published on this machine. */
  published: readonly { port: number; at: SocketAddress }[];
}

export const identityPlacement: Placement = { wildcard: '0.0.0.0', loopback: '127.0.0.1', published: [] };

/** The address to use on this machine for one that xDS names. */
export function place(placement: Placement, address: string): string {
  if (address === '0.0.0.0' || address === '::') return placement.wildcard;
  if (address === '127.0.0.1' || address === '::1') return placement.loopback;
  return address;
}

/** Of a request: `host`, `host:port`, `[::1]:port`. */
export function splitAuthority(authority: string, portDefault: number): SocketAddress {
  const colon = authority.lastIndexOf(':');
  const withPort = colon > authority.lastIndexOf(']');
  const host = withPort ? authority.slice(0, colon) : authority;
  return { address: host.replace(/^\[|\]$/g, ''), port: withPort ? Number(authority.slice(colon + 1)) : portDefault };
}
