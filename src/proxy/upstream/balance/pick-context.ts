// What balancing may ask about a request or connection that wants an endpoint. Each question is asked only where a policy needs the
// answer, so that a cluster without such a policy pays nothing.
import type { Word64 } from '#codec/hash/word64';
import type { SocketAddress } from '#proxy/config/socket-address';
import type { Endpoint } from '../endpoint.ts';

export interface PickContext {
  /** Where the client wanted to go, for clusters that send there. */
  destination(): SocketAddress | undefined;
  /** The host that it names, for clusters that send there. */
  namedHost(): SocketAddress | undefined;
  /** What consistent hashing goes by; undefined: nothing was said, chance decides. */
  hash(): Word64 | undefined;
  /** An endpoint that a retry would rather not meet again. */
  avoids(endpoint: Endpoint): boolean;
  /** Priorities that a retry leaves out while there are others; undefined: none. */
  readonly excludedPriorities: ReadonlySet<number> | undefined;
  /** How many picks may be spent on finding one that is not avoided; at least 1. */
  readonly picksMax: number;
}

/** For who wants any endpoint at all. */
export const anyEndpoint: PickContext = {
  destination: () => undefined,
  namedHost: () => undefined,
  hash: () => undefined,
  avoids: () => false,
  excludedPriorities: undefined,
  picksMax: 1,
};
