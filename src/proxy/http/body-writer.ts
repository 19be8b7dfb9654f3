// Sends a body in the coding of its hop through a SocketWriter. One per connection, for one message after the other.
import type { SocketWriter } from '#proxy/socket/socket-writer';
import { type BodyCoding, encodeTrailers } from './encode-http1.ts';
import type { FieldList } from './head.ts';

export class BodyWriter {
  private coding: BodyCoding = 'none';

  constructor(private readonly writer: SocketWriter) {}

  begin(coding: BodyCoding): void {
    this.coding = coding;
  }

  /** Of a message whose coding is `none` (an answer to HEAD) nothing is sent. */
  send(buffer: Buffer, start: number, end: number, fin: boolean): void {
    const { writer, coding } = this;
    if (coding === 'chunked') {
      if (end > start) {
        writer.write(`${(end - start).toString(16)}\r\n`);
        writer.writeBytes(buffer, start, end);
        writer.write(fin ? '\r\n0\r\n\r\n' : '\r\n');
      } else if (fin) {
        writer.write('0\r\n\r\n');
      }
    } else if (coding !== 'none' && end > start) {
      writer.writeBytes(buffer, start, end);
    }
  }

  /** Codings without room for trailers drop them, as RFC 9110 section 6.5.1 allows. */
  sendTrailers(trailers: FieldList): void {
    if (this.coding === 'chunked') this.writer.write(encodeTrailers(trailers));
  }
}
