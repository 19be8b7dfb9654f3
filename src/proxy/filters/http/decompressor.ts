// Decompresses requests for upstreams, and responses for clients, that cannot read it: Envoy's `decompressor` filter.
import {
  Decompressor,
  type Decompressor_CommonDirectionConfig as Direction,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/decompressor/v3/decompressor';
import type { Head } from '#proxy/http/head';
import type { HttpFilterType } from '#proxy/http/http-filter';
import { responseFlag } from '#telemetry/response-flags';
import { type CompressionLibrary, decodeDecompressor } from './compression-library.ts';
import { ZlibTransform } from './zlib-transform.ts';

interface DecompressorConfig {
  readonly library: CompressionLibrary;
  readonly requests: boolean;
  readonly responses: boolean;
  /** Upstreams are told that they may compress. */
  readonly advertise: boolean;
}

export const decompressorType: HttpFilterType<DecompressorConfig> = {
  message: 'envoy.extensions.filters.http.decompressor.v3.Decompressor',
  decode(bytes, field, findings) {
    const { decompressorLibrary, requestDirectionConfig, responseDirectionConfig } = Decompressor.decode(bytes);
    return {
      library: decodeDecompressor(decompressorLibrary, `${field}.decompressor_library`, findings),
      requests: isOn(requestDirectionConfig?.commonConfig),
      responses: isOn(responseDirectionConfig?.commonConfig),
      advertise: requestDirectionConfig?.advertiseAcceptEncoding ?? true,
    };
  },
  make: ({ library, requests, responses, advertise }) => ({
    request(stream) {
      const { request } = stream;
      if (responses && advertise) request.append('accept-encoding', library.encoding);
      if (!requests || stream.requestDone || !unwrap(request, library.encoding)) return 'continue';
      const refusal = {
        status: 400,
        flags: responseFlag.none,
        details: 'decompressor_bad_data',
        body: `malformed ${library.encoding} body`,
      };
      stream.transformRequest(new ZlibTransform(library.create(), () => stream.reply(refusal)));
      return 'continue';
    },
    response(stream, head, fin) {
      if (!responses || fin || stream.request.method === 'HEAD' || !unwrap(head, library.encoding)) return;
      stream.transformResponse(new ZlibTransform(library.create(), () => stream.breakOff('decompressor_bad_data')));
    },
  }),
};

function isOn(direction: Direction | undefined): boolean {
  return direction?.enabled?.defaultValue ?? true;
}

/** Only the outermost encoding is ours to take off. */
function unwrap(head: Head, encoding: string): boolean {
  const encodings = (head.header('content-encoding') ?? '').split(',').map((each) => each.trim());
  if (encodings.at(-1)?.toLowerCase() !== encoding) return false;
  encodings.pop();
  if (encodings.length > 0) head.set('content-encoding', encodings.join(', '));
  else head.remove('content-encoding');
  head.remove('content-length');
  return true;
}
