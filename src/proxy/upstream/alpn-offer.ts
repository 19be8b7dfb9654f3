// What a filter wants to be offered by ALPN to the upstream of a request, in the place of what the cluster says.

export interface AlpnOffer {
  readonly protocols: readonly string[];
  /** Equal for equal offers: connections are kept by it. */
  readonly key: string;
}

/** By the protocol that the upstream is spoken to; undefined: as the cluster says. */
export interface AlpnOffers {
  readonly http1: AlpnOffer | undefined;
  readonly http2: AlpnOffer | undefined;
}

/** `spoken`: on such connections, where that is not what TLS agrees on. */
export function alpnOffer(protocols: readonly string[], spoken = ''): AlpnOffer {
  return { protocols, key: [spoken, ...protocols].join() };
}
