// Envoy's Http2ProtocolOptions as the data plane runs them, of listeners and of clusters alike.
import type { Http2ProtocolOptions } from '#codec/protobuf/generated/envoy/config/core/v3/protocol';
import { type Findings, milliseconds } from './findings.ts';

export interface Http2Options {
  /** Streams on one connection: that the peer may open, or that we do. */
  concurrentStreamsMax: number;
  /** What a sender may be ahead of what was delivered, and so what may have to be kept: per stream and per connection. */
  streamWindowBytes: number;
  connectionWindowBytes: number;
  /** Pings on an upstream connection, and how long the answer may take; 0: none. */
  keepaliveIntervalMs: number;
  keepaliveTimeoutMs: number;
}

/** Where Envoy's defaults are as good as no bound (16 MB and 24 MB), ours are what a connection may really take. */
export const http2Defaults: Http2Options = {
  concurrentStreamsMax: 1024,
  streamWindowBytes: 262_144,
  connectionWindowBytes: 1_048_576,
  keepaliveIntervalMs: 0,
  keepaliveTimeoutMs: 0,
};

/** Smaller than this a window cannot be before the peer has heard of it: RFC 9113 section 6.9.2, and Envoy's own rule. */
const windowBytesMin = 65_535;
const windowBytesMax = 0x7fffffff;

export function decodeHttp2Options(options: Http2ProtocolOptions | undefined, field: string, findings: Findings): Http2Options {
  if (options === undefined) return http2Defaults;
  const { connectionKeepalive: keepalive } = options;
  const window = (name: string, bytes: number | undefined, otherwise: number) => {
    if (bytes !== undefined && (bytes < windowBytesMin || bytes > windowBytesMax)) {
      findings.report(`${field}.${name}`, `${bytes} is not between ${windowBytesMin} and ${windowBytesMax}`);
    }
    return bytes ?? otherwise;
  };
  return {
    concurrentStreamsMax: options.maxConcurrentStreams ?? http2Defaults.concurrentStreamsMax,
    streamWindowBytes: window('initial_stream_window_size', options.initialStreamWindowSize, http2Defaults.streamWindowBytes),
    connectionWindowBytes: window(
      'initial_connection_window_size',
      options.initialConnectionWindowSize,
      http2Defaults.connectionWindowBytes,
    ),
    keepaliveIntervalMs: milliseconds(keepalive?.interval, 0),
    keepaliveTimeoutMs: milliseconds(keepalive?.timeout, 0),
  };
}
