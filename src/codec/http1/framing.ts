// How the body of an HTTP/1 message is delimited: RFC 9112 section 6, read strictly. What could be read in two ways is refused.
import { fieldId } from './field-names.ts';
import type { HeadSpans } from './head-spans.ts';

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** Of responses only: the body ends with the connection. */
  | { readonly kind: 'close' }
  /** 101, or 2xx to CONNECT: bytes of another protocol follow, both ways. */
  | { readonly kind: 'tunnel' }
  | { readonly kind: 'bad'; readonly status: 400 | 501; readonly reason: string };

const none: Framing = { kind: 'none' };
const chunked: Framing = { kind: 'chunked' };
const close: Framing = { kind: 'close' };
const tunnel: Framing = { kind: 'tunnel' };

/** Digits of the largest content length that a double holds exactly. */
const lengthDigitsMax = 15;

export function requestFraming(spans: HeadSpans): Framing {
  return explicitFraming(spans) ?? none;
}

/** `method`: of the request that is answered. */
export function responseFraming(spans: HeadSpans, method: string): Framing {
  const { status } = spans;
  if (status === 101 || (method === 'CONNECT' && status >= 200 && status < 300)) return tunnel;
  const explicit = explicitFraming(spans);
  if (explicit?.kind === 'bad') return explicit;
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return none;
  return explicit ?? close;
}

function explicitFraming(spans: HeadSpans): Framing | undefined {
  const { times, first } = spans;
  const encodings = times[fieldId['transfer-encoding']]!;
  const lengths = times[fieldId['content-length']]!;
  if (encodings === 0 && lengths === 0) return undefined;
  if (encodings > 0) {
    if (lengths > 0) return bad('both content-length and transfer-encoding');
    if (spans.minor === 0) return bad('transfer-encoding in HTTP/1.0');
    if (encodings > 1) return bad('transfer-encoding given twice');
    return spans.value(first[fieldId['transfer-encoding']]!).toLowerCase() === 'chunked'
      ? chunked
      : { kind: 'bad', status: 501, reason: 'a transfer-encoding other than chunked' };
  }
  if (lengths > 1) return bad('content-length given twice');
  const line = first[fieldId['content-length']]!;
  const length = parseLength(spans.value(line));
  if (length < 0) return bad('content-length is not a number');
  return length === 0 ? none : { kind: 'length', length };
}

function bad(reason: string): Framing {
  return { kind: 'bad', status: 400, reason };
}

/** Decimal digits only; -1 for anything else. */
function parseLength(text: string): number {
  if (text === '' || text.length > lengthDigitsMax) return -1;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}
