// Whose trace a request belongs to, as headers carry it from hop to hop: Zipkin's B3 (many headers, or one) and W3C's Trace Context. Pure.
// https://github.com/openzipkin/b3-propagation, https://www.w3.org/TR/trace-context/

export interface TraceContext {
  /** 32 or, in B3, 16 lower case hex digits. */
  readonly traceId: string;
  /** 16 lower case hex digits. */
  readonly spanId: string;
  /** Of the span that this one is part of; empty: it is the first. */
  readonly parentId: string;
  readonly sampled: boolean;
  /** W3C's `tracestate`, passed on as it came. */
  readonly state: string;
}

/** What came with a request. B3 may leave the decision to sample to us, or carry nothing else. */
export interface IncomingTrace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly sampled: boolean | undefined;
  readonly state: string;
}

export type Propagation = 'b3' | 'w3c';

type Read = (name: string) => string | undefined;
type Write = (name: string, value: string) => void;

const traceIdPattern = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const spanIdPattern = /^[0-9a-f]{16}$/;
const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const sampledFlag = 1;

/** Undefined: there is none, or it is malformed, which is the same (both standards say so). */
export function readTrace(propagation: Propagation, header: Read): IncomingTrace | undefined {
  return propagation === 'w3c' ? readTraceparent(header) : (readSingleB3(header('b3')) ?? readB3(header));
}

function readTraceparent(header: Read): IncomingTrace | undefined {
  const match = traceparentPattern.exec(header('traceparent')?.trim() ?? '');
  if (match === null) return undefined;
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined) || isZero(traceId) || isZero(spanId)) return undefined;
  return { traceId, spanId, parentId: '', sampled: (Number.parseInt(flags, 16) & sampledFlag) !== 0, state: header('tracestate') ?? '' };
}

function readB3(header: Read): IncomingTrace | undefined {
  const sampled = b3Sampled(header('x-b3-flags') === '1' ? 'd' : header('x-b3-sampled'));
  return b3Trace(header('x-b3-traceid') ?? '', header('x-b3-spanid') ?? '', header('x-b3-parentspanid') ?? '', sampled);
}

/** `{trace}-{span}-{sampled}-{parent}`, of which the last two may be absent; or the decision alone. */
function readSingleB3(value: string | undefined): IncomingTrace | undefined {
  if (value === undefined) return undefined;
  const [first = '', spanId = '', sampled, parentId = ''] = value.split('-');
  return spanId === '' ? b3Trace('', '', '', b3Sampled(first)) : b3Trace(first, spanId, parentId, b3Sampled(sampled));
}

function b3Trace(trace: string, span: string, parent: string, sampled: boolean | undefined): IncomingTrace | undefined {
  const [traceId, spanId, parentId] = [trace.toLowerCase(), span.toLowerCase(), parent.toLowerCase()];
  const whole = traceIdPattern.test(traceId) && spanIdPattern.test(spanId) && !isZero(traceId) && !isZero(spanId);
  if (whole) return { traceId, spanId, parentId: spanIdPattern.test(parentId) ? parentId : '', sampled, state: '' };
  return sampled === undefined ? undefined : { traceId: '', spanId: '', parentId: '', sampled, state: '' };
}

function b3Sampled(value: string | undefined): boolean | undefined {
  if (value === '1' || value === 'd' || value === 'true') return true;
  return value === '0' || value === 'false' ? false : undefined;
}

function isZero(id: string): boolean {
  return /^0+$/.test(id);
}

/** Tells the next hop, by the headers of that kind. */
export function writeTrace(propagation: Propagation, { traceId, spanId, parentId, sampled, state }: TraceContext, write: Write): void {
  if (propagation === 'w3c') {
    write('traceparent', `00-${traceId.padStart(32, '0')}-${spanId}-${sampled ? '01' : '00'}`);
    if (state !== '') write('tracestate', state);
    return;
  }
  write('x-b3-traceid', traceId);
  write('x-b3-spanid', spanId);
  if (parentId !== '') write('x-b3-parentspanid', parentId);
  write('x-b3-sampled', sampled ? '1' : '0');
}
