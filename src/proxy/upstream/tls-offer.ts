// What connections to the upstream of a request say in TLS, in the place of what the cluster says: a filter's protocols, a request's host.

export interface TlsOffer {
  /** By ALPN; undefined: as the cluster says. */
  readonly protocols: readonly string[] | undefined;
  /** Who is called, and by Envoy's `auto_san_validation` has to answer; undefined: as the cluster says. */
  readonly server: string | undefined;
  /** Equal for equal offers: connections are kept by it. */
  readonly key: string;
}

/** By the protocol that the upstream is spoken to; undefined: as the cluster says. */
export interface AlpnOffers {
  readonly http1: TlsOffer | undefined;
  readonly http2: TlsOffer | undefined;
}

/** `spoken`: on such connections, where that is not what TLS agrees on. */
export function alpnOffer(protocols: readonly string[], spoken = ''): TlsOffer {
  return { protocols, server: undefined, key: [spoken, ...protocols].join() };
}

/** The same, to a server of that name. `spoken`: as above, where there is no offer. */
export function offerTo(server: string, offer: TlsOffer | undefined, spoken: string): TlsOffer {
  return { protocols: offer?.protocols, server, key: `${offer?.key ?? spoken} ${server}` };
}
