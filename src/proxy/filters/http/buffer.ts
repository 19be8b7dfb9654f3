// Waits for the whole request before it goes on, and refuses larger ones: Envoy's `buffer` filter.
import { Buffer as BufferConfig, BufferPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/buffer/v3/buffer';
import type { Findings } from '#proxy/config/findings';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { responseFlag } from '#telemetry/response-flags';

/** 0: nothing is buffered. */
type RequestBytesMax = number;

export const bufferType: HttpFilterType<RequestBytesMax, RequestBytesMax> = {
  message: 'envoy.extensions.filters.http.buffer.v3.Buffer',
  decode: (bytes, field, findings) => bytesMaxOf(BufferConfig.decode(bytes), field, findings),
  perRoute: {
    message: 'envoy.extensions.filters.http.buffer.v3.BufferPerRoute',
    decode(bytes, field, findings) {
      const { override } = BufferPerRoute.decode(bytes);
      return override?.$case === 'buffer' ? bytesMaxOf(override.value, `${field}.buffer`, findings) : 0;
    },
  },
  make: (general, { name }) => ({
    request(stream) {
      const bytesMax = routeConfig(stream, bufferType, name) ?? general;
      if (bytesMax === 0 || stream.requestDone || stream.request.upgrade !== '') return 'continue';
      stream.bufferRequest(
        bytesMax,
        () => proceed(stream),
        () => refuse(stream),
      );
      return 'stop';
    },
  }),
};

function bytesMaxOf({ maxRequestBytes }: BufferConfig, field: string, findings: Findings): RequestBytesMax {
  if (!maxRequestBytes) findings.report(`${field}.max_request_bytes`, 'must be above 0');
  return maxRequestBytes ?? 0;
}

/** Its length is known now. */
function proceed(stream: HttpStream): void {
  const { request, requestBody } = stream;
  if (!request.has('content-length') && requestBody !== undefined) request.set('content-length', String(requestBody.size));
  stream.continueRequest();
}

function refuse(stream: HttpStream): void {
  stream.reply({ status: 413, flags: responseFlag.none, details: 'request_payload_too_large', body: 'Payload Too Large' });
}
