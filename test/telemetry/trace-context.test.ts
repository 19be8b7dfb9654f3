import { describe, expect, test } from 'vitest';
import { type IncomingTrace, readTrace, type TraceContext, writeTrace } from '#telemetry/trace-context';

const trace = '0af7651916cd43dd8448eb211c80319c';
const half = '8448eb211c80319c';
const span = 'b7ad6b7169203331';
const parent = '05e3ac9a4f6e3b90';

const reading = (propagation: 'b3' | 'w3c', headers: Record<string, string>) => readTrace(propagation, (name) => headers[name]);
const came = (changes: Partial<IncomingTrace>) => ({ traceId: trace, spanId: span, parentId: '', sampled: true, state: '', ...changes });

describe('W3C', () => {
  test.each<[string, Record<string, string>, object | undefined]>([
    ['sampled', { traceparent: `00-${trace}-${span}-01` }, came({})],
    ['not sampled', { traceparent: `00-${trace}-${span}-00` }, came({ sampled: false })],
    ['other flags', { traceparent: `00-${trace}-${span}-03` }, came({})],
    ['with its state', { traceparent: `00-${trace}-${span}-01`, tracestate: 'a=1,b=2' }, came({ state: 'a=1,b=2' })],
    ['a later version may go on', { traceparent: `01-${trace}-${span}-01-more` }, came({})],
    ['this one may not', { traceparent: `00-${trace}-${span}-01-more` }, undefined],
    ['version ff', { traceparent: `ff-${trace}-${span}-01` }, undefined],
    ['upper case', { traceparent: `00-${trace.toUpperCase()}-${span}-01` }, undefined],
    ['a trace of zeros', { traceparent: `00-${'0'.repeat(32)}-${span}-01` }, undefined],
    ['a span of zeros', { traceparent: `00-${trace}-${'0'.repeat(16)}-01` }, undefined],
    ['too short', { traceparent: `00-${half}-${span}-01` }, undefined],
    ['none', {}, undefined],
  ])('%s', (_, headers, expected) => {
    expect(reading('w3c', headers)).toEqual(expected);
  });
});

describe('B3', () => {
  const many = { 'x-b3-traceid': trace, 'x-b3-spanid': span };
  test.each<[string, Record<string, string>, object | undefined]>([
    ['many headers', { ...many, 'x-b3-parentspanid': parent, 'x-b3-sampled': '1' }, came({ parentId: parent })],
    ['without a decision', many, came({ sampled: undefined })],
    ['not sampled', { ...many, 'x-b3-sampled': '0' }, came({ sampled: false })],
    ['debug', { ...many, 'x-b3-flags': '1' }, came({})],
    ['64 bits', { ...many, 'x-b3-traceid': half }, came({ traceId: half, sampled: undefined })],
    ['upper case', { ...many, 'x-b3-traceid': trace.toUpperCase() }, came({ sampled: undefined })],
    ['a decision alone', { 'x-b3-sampled': '0' }, came({ traceId: '', spanId: '', sampled: false })],
    ['malformed', { ...many, 'x-b3-spanid': 'xyz' }, undefined],
    ['one header', { b3: `${trace}-${span}-1-${parent}` }, came({ parentId: parent })],
    ['one header, debug', { b3: `${trace}-${span}-d` }, came({})],
    ['one header, undecided', { b3: `${trace}-${span}` }, came({ sampled: undefined })],
    ['one header, a decision alone', { b3: '0' }, came({ traceId: '', spanId: '', sampled: false })],
    ['one header before many', { b3: `${half}-${span}-0`, ...many }, came({ traceId: half, sampled: false })],
    ['none', {}, undefined],
  ])('%s', (_, headers, expected) => {
    expect(reading('b3', headers)).toEqual(expected);
  });
});

test.each<['b3' | 'w3c', Partial<TraceContext>, Record<string, string>]>([
  ['w3c', {}, { traceparent: `00-${trace}-${span}-01` }],
  ['w3c', { traceId: half, sampled: false, state: 'a=1' }, { traceparent: `00-${'0'.repeat(16)}${half}-${span}-00`, tracestate: 'a=1' }],
  ['b3', {}, { 'x-b3-traceid': trace, 'x-b3-spanid': span, 'x-b3-sampled': '1' }],
  [
    'b3',
    { parentId: parent, sampled: false },
    { 'x-b3-traceid': trace, 'x-b3-spanid': span, 'x-b3-parentspanid': parent, 'x-b3-sampled': '0' },
  ],
])('told as %s', (propagation, changes, expected) => {
  const headers: Record<string, string> = {};
  const context = { traceId: trace, spanId: span, parentId: '', sampled: true, state: '', ...changes };
  writeTrace(propagation, context, (name, value) => (headers[name] = value));
  expect(headers).toEqual(expected);
});
