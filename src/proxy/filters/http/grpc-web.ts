// gRPC for browsers, which cannot read trailers: they become a last frame of the body, and all of it base64 where that is asked for.
// Envoy's `grpc_web` filter; the protocol is PROTOCOL-WEB.md of gRPC.
import { BodyTransform } from '#proxy/http/body-transform';
import type { FieldList } from '#proxy/http/head';
import type { HttpFilter, HttpFilterType } from '#proxy/http/http-filter';

const webType = /^application\/grpc-web(-text)?(\+[\w.-]+)?(?:$|;)/i;

export const grpcWebType: HttpFilterType<undefined> = {
  message: 'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
  decode: () => undefined,
  make() {
    const filter: HttpFilter = {
      request(stream) {
        const { request } = stream;
        const asked = webType.exec(request.header('content-type') ?? '');
        if (asked === null) return 'continue';
        const [, text, format = ''] = asked;
        const answersText = text !== undefined || (request.header('accept') ?? '').includes('application/grpc-web-text');
        stream.requestProtocol = 'grpc';
        request.set('content-type', `application/grpc${format}`);
        request.set('te', 'trailers');
        request.remove('content-length');
        if (text !== undefined) stream.transformRequest(new Base64Decoding());
        stream.keep(filter, { text: answersText, format });
        return 'continue';
      },
      response(stream, head, fin) {
        const kept = stream.kept(filter) as { text: boolean; format: string } | undefined;
        if (kept === undefined) return;
        head.set('content-type', `application/grpc-web${kept.text ? '-text' : ''}${kept.format || '+proto'}`);
        if (fin) return;
        head.remove('content-length');
        stream.transformResponse(new TrailerFrame());
        if (kept.text) stream.transformResponse(new Base64Encoding());
      },
    };
    return filter;
  },
};

/** Clients may send several encodings one after the other, each with its padding. */
class Base64Decoding extends BodyTransform {
  private rest = '';

  protected transform(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const text = this.rest + buffer.toString('latin1', start, end).replace(/\s/g, '');
    const whole = fin ? text.length : text.length - (text.length % 4);
    this.rest = text.slice(whole);
    const parts = text.slice(0, whole).match(/[^=]+={0,2}/g) ?? [];
    const bytes = Buffer.concat(parts.map((part) => Buffer.from(part, 'base64')));
    if (bytes.length > 0 || fin) this.emit(bytes, fin);
  }
}

class Base64Encoding extends BodyTransform {
  private rest = Buffer.alloc(0);

  protected transform(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const bytes = Buffer.concat([this.rest, buffer.subarray(start, end)]);
    const whole = fin ? bytes.length : bytes.length - (bytes.length % 3);
    this.rest = bytes.subarray(whole);
    if (whole > 0 || fin) this.emit(Buffer.from(bytes.toString('base64', 0, whole), 'latin1'), fin);
  }
}

const trailerFlag = 0x80;

class TrailerFrame extends BodyTransform {
  protected transform(buffer: Buffer, start: number, end: number, fin: boolean): void {
    this.emit(buffer.subarray(start, end), fin);
  }

  override trailers(trailers: FieldList): void {
    const text = Buffer.from(trailers.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'latin1');
    const frame = Buffer.alloc(5 + text.length);
    frame[0] = trailerFlag;
    frame.writeUInt32BE(text.length, 1);
    text.copy(frame, 5);
    this.emit(frame, true);
  }
}
