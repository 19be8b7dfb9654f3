// What one connection is allowed: ours to choose, most of it announced in SETTINGS.
import type { HeaderListLimits } from './hpack-decoder.ts';

export interface Http2Limits extends HeaderListLimits {
  /** Streams that the peer may have open at once. */
  readonly concurrentStreamsMax: number;
  /** Body bytes a stream may send ahead of what was delivered; that much may have to be kept. */
  readonly streamWindowBytes: number;
  /** The same of all streams together. */
  readonly connectionWindowBytes: number;
}

/** CONTINUATION frames of one header block: CVE-2024-27316. */
export const continuationsMax = 32;
/** Replies (acknowledgements, resets) that wait because the peer does not read: CVE-2019-9512, CVE-2019-9515. Envoy's number. */
export const pendingRepliesMax = 1000;
/** Output that may gather before bodies wait in their streams. */
export const outputBytesMax = 262_144;
