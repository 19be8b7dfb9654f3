// SETTINGS: what an endpoint says of itself. RFC 9113 section 6.5, RFC 8441 section 3.
import { type ErrorCode, errorCode, payloadBytesMax, windowBytesDefault, windowBytesMax } from './frame.ts';

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

export const settingBytes = 6;
const upgradeSettingsMax = 32;

/** The peer's, as far as they concern us; as RFC 9113 has them until it says otherwise. */
export interface PeerSettings {
  headerTableBytes: number;
  concurrentStreamsMax: number;
  initialWindowBytes: number;
  connectProtocol: boolean;
}

export function initialPeerSettings(): PeerSettings {
  return {
    headerTableBytes: 4096,
    concurrentStreamsMax: Number.POSITIVE_INFINITY,
    initialWindowBytes: windowBytesDefault,
    connectProtocol: false,
  };
}

/**
 * The header `HTTP2-Settings` of a request that asks for HTTP/2 in HTTP/1.1: the payload of a SETTINGS frame in base64url. Undefined where it
 * is none. RFC 7540 section 3.2.1.
 */
export function decodeUpgradeSettings(header: string): PeerSettings | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(header)) return undefined;
  const payload = Buffer.from(header, 'base64url');
  if (payload.length % settingBytes !== 0 || payload.length > upgradeSettingsMax * settingBytes) return undefined;
  const settings = initialPeerSettings();
  for (let i = 0; i < payload.length; i += settingBytes) {
    if (applySetting(settings, payload.readUInt16BE(i), payload.readUInt32BE(i + 2), false) !== undefined) return undefined;
  }
  return settings;
}

/** Takes one setting over; returns the error that it is instead. Unknown ones are ignored. `fromServer`: the peer is one. */
export function applySetting(settings: PeerSettings, id: number, value: number, fromServer: boolean): ErrorCode | undefined {
  switch (id) {
    case settingId.headerTableSize:
      settings.headerTableBytes = value;
      return undefined;
    case settingId.enablePush:
      return value > (fromServer ? 0 : 1) ? errorCode.protocolError : undefined;
    case settingId.maxConcurrentStreams:
      settings.concurrentStreamsMax = value;
      return undefined;
    case settingId.initialWindowSize:
      if (value > windowBytesMax) return errorCode.flowControlError;
      settings.initialWindowBytes = value;
      return undefined;
    case settingId.maxFrameSize:
      return value < payloadBytesMax || value > 0xffffff ? errorCode.protocolError : undefined;
    case settingId.enableConnectProtocol:
      if (value > 1 || (value === 0 && settings.connectProtocol)) return errorCode.protocolError;
      settings.connectProtocol = value === 1;
      return undefined;
    default:
      return undefined;
  }
}
