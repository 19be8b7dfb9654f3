// Writes neutral heads as HTTP/1.1 text, with the framing that the hop needs. Pure; used by both connections.
import { STATUS_CODES } from 'node:http';
import { fieldName } from '#codec/http2/field';
import { ListedHead } from '#proxy/http2/listed-head';
import type { FieldList, Head, RequestHead, ResponseHead } from './head.ts';
import { RawRequestHead, RawResponseHead } from './raw-head.ts';

const contentLength = fieldName('content-length');

/** How the body that follows is delimited on this hop. */
export type BodyCoding = 'none' | 'length' | 'chunked' | 'close' | 'tunnel';

/** How a request's body is sent; `fin`: it has none. */
export function requestCoding(head: RequestHead, fin: boolean): BodyCoding {
  if (head.upgrade !== '') return 'tunnel';
  if (fin) return 'none';
  return head.has(contentLength) ? 'length' : 'chunked';
}

export function encodeRequest(head: RequestHead, coding: BodyCoding): string {
  let out = head instanceof RawRequestHead ? head.encodeHead() : requestHead(head);
  if (coding === 'chunked') out += 'transfer-encoding: chunked\r\n';
  if (coding === 'tunnel' && head.method !== 'CONNECT') out += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
  return `${out}\r\n`;
}

/** How a response is sent to a client of HTTP/1.`minor` that asked with `method`; `fin`: the head is all there is. */
export function responseCoding(head: ResponseHead, fin: boolean, method: string, minor: number): BodyCoding {
  const { status } = head;
  if (status === 101 || (method === 'CONNECT' && status >= 200 && status < 300)) return 'tunnel';
  if (fin || status < 200 || status === 204 || status === 304 || method === 'HEAD') return 'none';
  if (head.has(contentLength)) return 'length';
  return minor === 0 ? 'close' : 'chunked';
}

/** `connection`: what to say of the connection; `upgrade`: of a 101. */
export function encodeResponse(
  head: ResponseHead,
  coding: BodyCoding,
  method: string,
  connection: 'close' | 'keep-alive' | '',
  upgrade: string,
): string {
  const { status } = head;
  let out = head instanceof RawResponseHead ? rawResponse(head) : statusLine(status) + encodeFields(head);
  if (coding === 'chunked') out += 'transfer-encoding: chunked\r\n';
  else if (coding === 'none' && saysNoLength(head, method)) out += 'content-length: 0\r\n';
  if (upgrade !== '') out += `connection: upgrade\r\nupgrade: ${upgrade}\r\n`;
  else if (connection !== '') out += `connection: ${connection}\r\n`;
  return `${out}\r\n`;
}

/** A response without a body that does not say so by its status or by its method. */
function saysNoLength(head: ResponseHead, method: string): boolean {
  const { status } = head;
  return status >= 200 && status !== 204 && status !== 304 && method !== 'HEAD' && !head.has(contentLength);
}

/** The last chunk, the trailers, the empty line. */
export function encodeTrailers(trailers: FieldList): string {
  let out = '0\r\n';
  for (const [name, value] of trailers) out += `${name}: ${value}\r\n`;
  return `${out}\r\n`;
}

function requestHead(head: RequestHead): string {
  const target = head.method === 'CONNECT' ? head.authority : head.path;
  return `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${encodeFields(head)}`;
}

function rawResponse(head: RawResponseHead): string {
  return head.spans.minor === 1 ? head.encode(true, true) : statusLine(head.status) + head.encode(false, true);
}

function encodeFields(head: Head): string {
  if (head instanceof ListedHead) return head.lines();
  let out = '';
  head.forEach((name, value) => {
    out += `${name}: ${value}\r\n`;
  });
  return out;
}

const statusLines = new Map<number, string>(
  Object.entries(STATUS_CODES).map(([code, text]) => [Number(code), `HTTP/1.1 ${code} ${text}\r\n`]),
);

function statusLine(status: number): string {
  return statusLines.get(status) ?? `HTTP/1.1 ${status} \r\n`;
}
