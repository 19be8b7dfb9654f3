// Compresses responses for clients that can read it, and requests where that is asked for: Envoy's `compressor` filter.
import { Compressor, CompressorPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/compressor/v3/compressor';
import type { Head, ResponseHead } from '#proxy/http/head';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { responseFlag } from '#telemetry/response-flags';
import { type CompressionLibrary, decodeCompressor } from './compression-library.ts';
import { ZlibTransform } from './zlib-transform.ts';

interface Direction {
  readonly enabled: boolean;
  readonly contentBytesMin: number;
  /** Lower case, without parameters. */
  readonly contentTypes: ReadonlySet<string>;
}

interface CompressorConfig {
  readonly library: CompressionLibrary;
  readonly requests: Direction;
  readonly responses: Direction;
  readonly disableOnEtag: boolean;
  readonly removeAcceptEncoding: boolean;
}

/** Envoy's defaults. */
const contentBytesMinDefault = 30;
const contentTypesDefault = [
  ...['application/javascript', 'application/json', 'application/xhtml+xml', 'image/svg+xml', 'text/css', 'text/html'],
  ...['text/plain', 'text/xml'],
];

/** Values of `accept-encoding` that are remembered. */
const acceptHeadersMax = 64;

export const compressorType: HttpFilterType<CompressorConfig, { readonly disabled: boolean }> = {
  message: 'envoy.extensions.filters.http.compressor.v3.Compressor',
  decode(bytes, field, findings) {
    const config = Compressor.decode(bytes);
    const response = config.responseDirectionConfig;
    // Where the direction says nothing, the filter's deprecated fields of the same names do.
    const common = response?.commonConfig;
    const types = common?.contentType.length ? common.contentType : config.contentType;
    const request = config.requestDirectionConfig?.commonConfig;
    return {
      library: decodeCompressor(config.compressorLibrary, `${field}.compressor_library`, findings),
      requests: directionOf(request?.enabled?.defaultValue ?? false, request?.contentType ?? [], request?.minContentLength),
      responses: directionOf(
        (common?.enabled ?? config.runtimeEnabled)?.defaultValue ?? true,
        types,
        common?.minContentLength ?? config.contentLength,
      ),
      disableOnEtag: response?.disableOnEtagHeader ?? config.disableOnEtagHeader,
      removeAcceptEncoding: response?.removeAcceptEncodingHeader ?? config.removeAcceptEncodingHeader,
    };
  },
  perRoute: {
    message: 'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute',
    decode: (bytes) => ({ disabled: CompressorPerRoute.decode(bytes).override?.value === true }),
  },
  make(config, { name }) {
    const { library, requests, responses, removeAcceptEncoding } = config;
    const accepting = new AcceptingClients(library.encoding);
    const filter = {
      request(stream: HttpStream) {
        const { request } = stream;
        const wanted = responses.enabled ? request.header('accept-encoding') : undefined;
        if (wanted !== undefined && accepting.include(wanted)) stream.keep(filter, true);
        if (removeAcceptEncoding) request.remove('accept-encoding');
        if (requests.enabled && !stream.requestDone && request.upgrade === '' && compressible(request, requests)) {
          const refusal = { status: 500, flags: responseFlag.none, details: 'compressor_failed' };
          encode(request, library);
          stream.transformRequest(new ZlibTransform(library.create(), () => stream.reply(refusal)));
        }
        return 'continue' as const;
      },
      response(stream: HttpStream, head: ResponseHead, fin: boolean) {
        if (!responses.enabled || fin || routeConfig(stream, compressorType, name)?.disabled || !answers(stream, head, config)) return;
        head.set('vary', varied(head.header('vary')));
        if (stream.kept(filter) !== true) return;
        encode(head, library);
        head.remove('etag'); // a strong one says that the bytes are the same
        stream.transformResponse(new ZlibTransform(library.create(), () => stream.breakOff('compressor_failed')));
      },
    };
    return filter;
  },
};

function directionOf(enabled: boolean, types: readonly string[], bytesMin = contentBytesMinDefault): Direction {
  const contentTypes = new Set((types.length > 0 ? types : contentTypesDefault).map((type) => type.toLowerCase()));
  return { enabled, contentTypes, contentBytesMin: bytesMin };
}

function answers({ request }: HttpStream, head: ResponseHead, { responses, disableOnEtag }: CompressorConfig): boolean {
  if (head.status < 200 || head.status === 204 || head.status === 304 || request.method === 'HEAD') return false;
  return !(disableOnEtag && head.has('etag')) && compressible(head, responses);
}

/** What leaves most messages alone is asked first. */
function compressible(head: Head, { contentBytesMin, contentTypes }: Direction): boolean {
  const length = head.header('content-length');
  if (length !== undefined && Number(length) < contentBytesMin) return false;
  const type = head.header('content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && !contentTypes.has(type)) return false;
  const control = head.header('cache-control');
  return !head.has('content-encoding') && (control === undefined || !/(?:^|[,\s])no-transform(?:$|[,\s])/i.test(control));
}

function encode(head: Head, { encoding }: CompressionLibrary): void {
  head.set('content-encoding', encoding);
  head.remove('content-length');
}

/** Clients say one of a few things, each of them again and again: what it means is worked out once. */
class AcceptingClients {
  private readonly known = new Map<string, boolean>();

  constructor(private readonly encoding: string) {}

  /** `header`: its `accept-encoding`. */
  include(header: string): boolean {
    let accepted = this.known.get(header);
    if (accepted === undefined) {
      accepted = accepts(header, this.encoding);
      if (this.known.size < acceptHeadersMax) this.known.set(header, accepted);
    }
    return accepted;
  }
}

/** RFC 9110 section 12.5.3; a weight of 0 forbids. */
function accepts(header: string, encoding: string): boolean {
  let any = false;
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const allowed = !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
    if (name === encoding) return allowed;
    if (name === '*') any = allowed;
  }
  return any;
}

function varied(vary: string | undefined): string {
  if (vary === undefined) return 'Accept-Encoding';
  return /(?:^|[,\s])(?:accept-encoding|\*)(?:$|[,\s])/i.test(vary) ? vary : `${vary}, Accept-Encoding`;
}
