// Host names to addresses, passed in: tests and the mesh's own names need no DNS server.
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';

export interface Resolver {
  /** Every IPv4 or IPv6 address of a name, in the resolver's order; rejects when there is none. */
  resolve(host: string): Promise<readonly string[]>;
  /** The same for a socket that connects by name. */
  readonly lookup: LookupFunction;
}

/** What the machine itself would say: /etc/hosts, then DNS. */
export const systemResolver: Resolver = {
  resolve: (host) =>
    new Promise((resolve, reject) => {
      lookup(host, { all: true, verbatim: true }, (error, addresses) => {
        if (error) reject(error);
        else resolve(addresses.map(({ address }) => address));
      });
    }),
  lookup: lookup as LookupFunction,
};
