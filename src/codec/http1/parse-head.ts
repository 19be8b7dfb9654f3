// Parses HTTP/1 heads: one pass, no I/O, strict. What two parsers could read differently is refused (request smuggling).
// RFC 9112 sections 2 to 5. Called by proxy/http's connections, and again with more bytes while a head is incomplete.
import { COLON, CR, HTAB, LF, SP, targetByte, tokenLower, valueByte } from './characters.ts';
import { fieldHash, knownName, lookupField, unknownField } from './field-names.ts';
import type { HeadSpans } from './head-spans.ts';
import { latin1 } from './latin1.ts';

/** Below zero: why a head is refused. See `describeHeadError`. */
export type HeadError = (typeof headError)[keyof typeof headError];

export const headError = {
  badStartLine: -1,
  badVersion: -2,
  badFieldName: -3,
  badFieldValue: -4,
  badLineEnd: -5,
  obsoleteFold: -6,
  tooManyFields: -7,
  tooLarge: -8,
} as const;

const descriptions: Record<HeadError, string> = {
  [headError.badStartLine]: 'malformed start line',
  [headError.badVersion]: 'not HTTP/1.0 or HTTP/1.1',
  [headError.badFieldName]: 'malformed header name, or space before its colon',
  [headError.badFieldValue]: 'control character in a header value',
  [headError.badLineEnd]: 'a line that does not end in CR LF',
  [headError.obsoleteFold]: 'a header folded over two lines',
  [headError.tooManyFields]: 'too many headers',
  [headError.tooLarge]: 'head too large',
};

export function describeHeadError(error: number): string {
  return descriptions[error as HeadError] ?? 'malformed head';
}

export interface HeadLimits {
  headBytesMax: number;
  headersMax: number;
}

const methodBytesMax = 32;

/**
 * Parses a request head at buffer[start, end). Returns the offset of its end (what follows is body); 0 when it is not complete,
 * then to be called again with the same bytes and more behind them; or a `HeadError`. `spans` must be fresh or `reset`.
 * Empty lines before a request are the caller's to skip.
 */
export function parseRequestHead(buffer: Buffer, start: number, end: number, spans: HeadSpans, limits: HeadLimits): number {
  if (spans.parsed === 0) {
    const result = requestLine(buffer, start, end, spans);
    if (result <= 0) return result === 0 ? incomplete(start, end, limits) : result;
  }
  return fieldLines(buffer, start, end, spans, limits);
}

/** The same for a response head. */
export function parseResponseHead(buffer: Buffer, start: number, end: number, spans: HeadSpans, limits: HeadLimits): number {
  if (spans.parsed === 0) {
    const result = statusLine(buffer, start, end, spans);
    if (result <= 0) return result === 0 ? incomplete(start, end, limits) : result;
  }
  return fieldLines(buffer, start, end, spans, limits);
}

/** Field lines alone, up to the empty line: the trailers of a chunked body, from the start of `buffer`. */
export function parseTrailers(buffer: Buffer, spans: HeadSpans, limits: HeadLimits): number {
  return fieldLines(buffer, 0, buffer.length, spans, limits);
}

function incomplete(start: number, end: number, limits: HeadLimits): number {
  return end - start > limits.headBytesMax ? headError.tooLarge : 0;
}

function requestLine(buffer: Buffer, start: number, end: number, spans: HeadSpans): number {
  let i = start;
  while (i < end && tokenLower[buffer[i]!] !== 0) i++;
  if (i - start > methodBytesMax) return headError.badStartLine;
  if (i === end) return 0;
  if (buffer[i] !== SP || i === start) return headError.badStartLine;
  spans.methodEnd = i - start;
  const target = ++i;
  while (i < end && targetByte[buffer[i]!] !== 0) i++;
  if (i === end) return 0;
  if (buffer[i] !== SP || i === target) return headError.badStartLine;
  spans.targetEnd = i - start;
  i = version(buffer, i + 1, end, spans);
  return i <= 0 ? i : lineEnd(buffer, i, end, start, spans);
}

function statusLine(buffer: Buffer, start: number, end: number, spans: HeadSpans): number {
  let i = version(buffer, start, end, spans);
  if (i <= 0) return i;
  if (i + 4 > end) return 0;
  if (buffer[i] !== SP) return headError.badStartLine;
  const status = (buffer[i + 1]! - 48) * 100 + (buffer[i + 2]! - 48) * 10 + (buffer[i + 3]! - 48);
  for (let digit = i + 1; digit < i + 4; digit++) if (buffer[digit]! < 48 || buffer[digit]! > 57) return headError.badStartLine;
  if (status < 100) return headError.badStartLine;
  spans.status = status;
  i += 4;
  if (i < end && buffer[i] !== SP && buffer[i] !== CR) return headError.badStartLine;
  while (i < end && valueByte[buffer[i]!] !== 0) i++;
  return i === end ? 0 : lineEnd(buffer, i, end, start, spans);
}

const versionPrefix = [72, 84, 84, 80, 47, 49, 46]; // HTTP/1.

/** Returns the offset behind `HTTP/1.x`. */
function version(buffer: Buffer, start: number, end: number, spans: HeadSpans): number {
  const length = Math.min(versionPrefix.length, end - start);
  for (let k = 0; k < length; k++) if (buffer[start + k] !== versionPrefix[k]) return headError.badVersion;
  if (end - start < 8) return 0;
  const minor = buffer[start + 7]! - 48;
  if (minor !== 0 && minor !== 1) return headError.badVersion;
  spans.minor = minor;
  return start + 8;
}

function lineEnd(buffer: Buffer, i: number, end: number, start: number, spans: HeadSpans): number {
  if (i === end || (buffer[i] === CR && i + 1 === end)) return 0;
  if (buffer[i] !== CR || buffer[i + 1] !== LF) return buffer[i] === CR || buffer[i] === LF ? headError.badLineEnd : headError.badStartLine;
  spans.parsed = i + 2 - start;
  return i + 2;
}

/** One function with everything in locals: this loop is the proxy's hottest. */
function fieldLines(buffer: Buffer, start: number, end: number, spans: HeadSpans, limits: HeadLimits): number {
  const lowers = tokenLower;
  const words = wordsOf(buffer);
  const endMax = start + limits.headBytesMax;
  let line = spans.count;
  let { offsets, hash: hashes, id: ids } = spans;
  for (let i = start + spans.parsed; ; ) {
    spans.parsed = i - start;
    spans.count = line;
    if (i > endMax) return headError.tooLarge;
    const lineStart = i;
    let byte = i < end ? buffer[i]! : CR;
    if (byte === CR) {
      if (i + 1 >= end) return incomplete(start, end, limits);
      if (buffer[i + 1] !== LF) return headError.badLineEnd;
      offsets[line * 4] = i - start;
      spans.text = latin1(buffer, start, i + 2);
      return i + 2;
    }
    if (lowers[byte] === 0) return badLineStart(byte);
    if (line === limits.headersMax) return headError.tooManyFields;
    if (line === hashes.length) ({ offsets, hash: hashes, id: ids } = spans.grow());
    do i++;
    while (i < end && lowers[buffer[i]!] !== 0);
    if (i === end) return incomplete(start, end, limits);
    if (buffer[i] !== COLON) return headError.badFieldName;
    const nameEnd = i++;
    while (i < end && (buffer[i] === SP || buffer[i] === HTAB)) i++;
    const valueStart = i;
    // Most bytes of a head are in values: they are looked at four by four, and one by one only where a control character is near.
    for (;;) {
      while (i + 4 <= end && !hasControl(words.getInt32(i, true))) i += 4;
      const near = Math.min(i + 4, end);
      while (i < near && ((byte = buffer[i]!) >= SP ? byte !== 127 : byte === HTAB)) i++;
      if (i < near || i === end) break;
    }
    if (i + 1 >= end && (i === end || byte === CR)) return incomplete(start, end, limits);
    if (byte !== CR || buffer[i + 1] !== LF) return byte === CR || byte === LF ? headError.badLineEnd : headError.badFieldValue;
    let valueEnd = i;
    while (valueEnd > valueStart && (buffer[valueEnd - 1] === SP || buffer[valueEnd - 1] === HTAB)) valueEnd--;
    const length = nameEnd - lineStart;
    const hash = fieldHash(length, lowers[buffer[lineStart]!]!, lowers[buffer[lineStart + (length >> 1)]!]!, lowers[buffer[nameEnd - 1]!]!);
    offsets[line * 4] = lineStart - start;
    offsets[line * 4 + 1] = nameEnd - start;
    offsets[line * 4 + 2] = valueStart - start;
    offsets[line * 4 + 3] = valueEnd - start;
    hashes[line] = hash;
    ids[line] = unknownField;
    const id = lookupField(hash, length);
    if (id !== unknownField && sameName(buffer, lineStart, knownName(id))) spans.mark(line, id);
    line++;
    i += 2;
  }
}

/** Heads nearly always come in the same few buffers. */
const views = new WeakMap<Buffer, DataView>();

/** The bytes of `buffer`, to be read several at once. */
function wordsOf(buffer: Buffer): DataView {
  let view = views.get(buffer);
  if (view === undefined) {
    view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    views.set(buffer, view);
  }
  return view;
}

/** Whether one of four bytes may be below SP or be DEL, all four at once. What is carried from one byte to the next only ever says so in vain. */
function hasControl(word: number): boolean {
  return (((word - 0x20202020) | (word + 0x01010101)) & ~word & 0x80808080) !== 0;
}

function badLineStart(byte: number): number {
  if (byte === SP || byte === HTAB) return headError.obsoleteFold;
  return byte === LF ? headError.badLineEnd : headError.badFieldName;
}

/** Two names may have one hash. */
function sameName(buffer: Buffer, start: number, name: string): boolean {
  for (let k = 0; k < name.length; k++) if (tokenLower[buffer[start + k]!] !== name.charCodeAt(k)) return false;
  return true;
}
