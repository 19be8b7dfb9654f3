// The header that Istio's proxies send before the bytes of a TCP connection of the protocol `istio-peer-exchange`: who they are. Pure.
// Istio's `metadata_exchange` network filter: four bytes that tell it, four of length, a message.

export const metadataExchangeProtocol = 'istio-peer-exchange';

const magic = 0x3d230467;
const prefixBytes = 8;
/** Istio's proxies send some hundred bytes. */
const messageBytesMax = 65_536;

/** `none`: whoever is there speaks without one. `end`: where the connection's own bytes begin. */
export type MetadataHeader = { readonly kind: 'none' | 'partial' } | { readonly kind: 'header'; readonly end: number };

export function readMetadataHeader(bytes: Buffer): MetadataHeader {
  const compared = Math.min(bytes.length, 4);
  for (let i = 0; i < compared; i++) if (bytes[i] !== ((magic >>> (24 - 8 * i)) & 255)) return { kind: 'none' };
  if (bytes.length < prefixBytes) return { kind: 'partial' };
  const end = prefixBytes + bytes.readUInt32BE(4);
  if (end > prefixBytes + messageBytesMax) return { kind: 'none' };
  return bytes.length < end ? { kind: 'partial' } : { kind: 'header', end };
}
