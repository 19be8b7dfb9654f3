// What a frame is made of: RFC 9113 sections 4, 6 and 7.

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

export const errorCode = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const;

/** A peer may send codes that are not among them. */
export type ErrorCode = number;

export const frameHeaderBytes = 9;
/** SETTINGS_MAX_FRAME_SIZE as every connection begins, which we neither raise nor make use of when the peer does. */
export const payloadBytesMax = 16_384;
export const windowBytesDefault = 65_535;
export const windowBytesMax = 0x7fffffff;
export const streamIdMax = 0x7fffffff;

/** What a client sends before its first frame. */
export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export interface FrameHeader {
  type: number;
  flags: number;
  stream: number;
  /** Of the payload, padding included. */
  length: number;
}
