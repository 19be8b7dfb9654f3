// What a client does about what a server sends, rule by rule of RFC 9113. Each begins on a fresh connection with one request, on stream 1;
// driven through a proxy by test/proxy/http2-client-rules.test.ts.
import {
  block,
  continuation,
  data,
  type FieldPair,
  flag,
  frame,
  getFields,
  lastData,
  ping,
  reset,
  settings,
  type,
  uint32,
  windowUpdate,
} from './frames.ts';

/**
 * `goaway`: a connection error of this code, the request fails. `reset`: a stream error, the request fails, the connection serves others; `begun`:
 * its head has gone to the client, who is cut off. `answered`: the client gets this, and the connection serves others; `leaves`: it does not.
 */
export type ClientExpected =
  | { goaway: number; begun?: true }
  | { reset: number; begun?: true }
  | { answered: RegExp; leaves?: true }
  | { failed: RegExp };

export interface ClientRule {
  section: string;
  what: string;
  /** Said at once when the connection is there: SETTINGS, or what comes in their place. */
  greeting: Buffer;
  /** Said to the first request. */
  send: Buffer;
  expect: ClientExpected;
}

const protocol = 0x1,
  flowControl = 0x3,
  frameSize = 0x6,
  cancel = 0x8,
  compression = 0x9,
  calm = 0xb;

const goaway = (code: number): ClientExpected => ({ goaway: code });
const resets = (code: number): ClientExpected => ({ reset: code });
const malformed = resets(protocol);
const gives = (answered: RegExp): ClientExpected => ({ answered });
const ok200 = gives(/^HTTP\/1.1 200 /);

function rule(section: string, what: string, send: Buffer[], expect: ClientExpected): ClientRule {
  return { section, what, greeting: settings(), send: Buffer.concat(send), expect };
}

function first(section: string, what: string, greeting: Buffer[], expect: ClientExpected): ClientRule {
  return { section, what, greeting: Buffer.concat(greeting), send: answer(), expect };
}

const all = flag.endHeaders | flag.endStream;
const fields = (...more: FieldPair[]): FieldPair[] => [[':status', '200'], ...more];
const answer = (list: readonly FieldPair[] = fields()) => frame(type.headers, all, 1, block(list));
const head = (list: readonly FieldPair[] = fields()) => frame(type.headers, flag.endHeaders, 1, block(list));
const told = (last: number, code = 0) => frame(type.goaway, 0, 0, uint32(last, code));
const interim = (status = '103') =>
  head([
    [':status', status],
    ['link', 'x'],
  ]);
const ok = block(fields());
const kilobytes = (n: number) => 'x'.repeat(n * 1024);

const connection: ClientRule[] = [
  first('3.4', 'SETTINGS with values', [settings([3, 100], [4, 1_000_000], [5, 20_000], [6, 100_000])], ok200),
  first('3.4', 'PING before SETTINGS', [ping()], goaway(protocol)),
  first('3.4', 'an acknowledgement before SETTINGS', [frame(type.settings, 1, 0)], goaway(protocol)),
  first('3.4', 'what is not HTTP/2', [Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')], goaway(frameSize)),
  rule('4.1', 'a frame of an unknown type is ignored', [frame(0x16, 0xff, 0, 'abc'), frame(0xfa, 0, 1, 'abc'), answer()], ok200),
  rule('4.2', 'DATA of 16,384 bytes', [head(), lastData(1, kilobytes(16))], gives(/x{16384}/)),
  rule('4.2', 'DATA larger than SETTINGS_MAX_FRAME_SIZE', [frame(type.data, 0, 1, kilobytes(17))], goaway(frameSize)),
  rule('4.2', 'HEADERS larger than that', [frame(type.headers, all, 1, kilobytes(17))], goaway(frameSize)),
  rule('4.3', 'a header block that is none', [frame(type.headers, all, 1, 'zz')], goaway(compression)),
  rule('4.3', 'a header block that is cut off', [frame(type.headers, all, 1, ok.subarray(0, -2))], goaway(compression)),
  rule('4.3', 'DATA within a header block', [frame(type.headers, 0, 1, ok), data(1, 'x')], goaway(protocol)),
  rule('4.3', 'PING within one', [frame(type.headers, 0, 1, ok), ping()], goaway(protocol)),
  rule('4.3', 'CONTINUATION of another stream within one', [frame(type.headers, 0, 1, ok), continuation(3)], goaway(protocol)),
];

const streams: ClientRule[] = [
  rule('5.1', 'a response to what was not asked', [frame(type.headers, all, 77, ok)], goaway(protocol)),
  rule('5.1', 'DATA on a stream that is not open', [data(77, 'x')], goaway(protocol)),
  rule('5.1', 'RST_STREAM on one', [reset(77)], goaway(protocol)),
  rule('5.1', 'WINDOW_UPDATE on one', [windowUpdate(77, 5)], goaway(protocol)),
  rule('5.1', 'HEADERS on a stream of the server', [frame(type.headers, all, 2, ok)], goaway(protocol)),
  rule('5.1', 'DATA behind the end', [answer(), data(1, 'x')], ok200),
  rule('5.1', 'WINDOW_UPDATE behind the end', [answer(), windowUpdate(1, 5)], ok200),
  rule('5.1', 'RST_STREAM behind the end', [answer(), reset(1, 0)], ok200),
  rule('5.1', 'PRIORITY behind the end', [answer(), frame(type.priority, 0, 1, Buffer.alloc(5))], ok200),
  rule('5.4.2', 'a stream that the server resets', [reset(1, 2)], { failed: /^HTTP\/1.1 503 [\s\S]*remote reset$/ }),
  rule('5.4.2', 'with a code nobody knows', [reset(1, 0x7777)], { failed: /^HTTP\/1.1 503 [\s\S]*remote reset$/ }),
  rule('5.5', 'an unknown setting is ignored', [settings([0xff, 5]), answer()], ok200),
];

const frames: ClientRule[] = [
  rule('6.1', 'a body in several frames', [head(), data(1, 'ab'), data(1, 'cd'), lastData(1)], gives(/ab[\s\S]*cd[\s\S]*0\r\n\r\n$/)),
  rule(
    '6.1',
    'padded DATA',
    [head(), frame(type.data, flag.padded | flag.endStream, 1, Buffer.from('\x03abc\0\0\0', 'latin1'))],
    gives(/abc/),
  ),
  rule('6.1', 'DATA on stream 0', [data(0, 'x')], goaway(protocol)),
  rule('6.1', 'padding longer than the payload', [frame(type.data, flag.padded, 1, Buffer.from([200, 1, 2]))], goaway(protocol)),
  rule('6.2', 'HEADERS on stream 0', [frame(type.headers, all, 0, ok)], goaway(protocol)),
  rule('6.2', 'padded HEADERS', [frame(type.headers, all | flag.padded, 1, Buffer.concat([Buffer.from([2]), ok, Buffer.alloc(2)]))], ok200),
  rule(
    '6.2',
    'padding longer than the payload',
    [frame(type.headers, all | flag.padded, 1, Buffer.concat([Buffer.from([255]), ok]))],
    goaway(protocol),
  ),
  rule('6.3', 'PRIORITY on stream 0', [frame(type.priority, 0, 0, Buffer.alloc(5))], goaway(protocol)),
  rule('6.4', 'RST_STREAM on stream 0', [reset(0)], goaway(protocol)),
  rule('6.4', 'RST_STREAM of 3 bytes', [frame(type.rstStream, 0, 1, 'abc')], goaway(frameSize)),
  rule('6.5', 'SETTINGS on a stream', [frame(type.settings, 0, 1)], goaway(protocol)),
  rule('6.5', 'an acknowledgement with a payload', [frame(type.settings, 1, 0, Buffer.alloc(6))], goaway(frameSize)),
  rule('6.5', 'SETTINGS of 5 bytes', [frame(type.settings, 0, 0, 'abcde')], goaway(frameSize)),
  rule('6.5.2', 'a server does not enable push', [settings([2, 1])], goaway(protocol)),
  rule('6.5.2', 'ENABLE_PUSH of 0', [settings([2, 0]), answer()], ok200),
  rule('6.5.2', 'INITIAL_WINDOW_SIZE above 2^31 - 1', [settings([4, 0x80000000])], goaway(flowControl)),
  rule('6.5.2', 'MAX_FRAME_SIZE below 16,384', [settings([5, 1])], goaway(protocol)),
  rule('6.5.2', 'HEADER_TABLE_SIZE of 0', [settings([1, 0]), answer()], ok200),
  rule(
    '6.6',
    'a push, which we have turned off',
    [frame(type.pushPromise, 4, 1, Buffer.concat([uint32(2), block(getFields)]))],
    goaway(protocol),
  ),
  rule('6.7', 'PING', [ping('abcdefgh'), answer()], ok200),
  rule('6.7', 'an acknowledgement of PING that nobody asked for', [ping('abcdefgh', 1), answer()], ok200),
  rule('6.7', 'PING on a stream', [ping('12345678', 0, 1)], goaway(protocol)),
  rule('6.7', 'PING of 7 bytes', [ping('1234567')], goaway(frameSize)),
  rule('6.8', 'GOAWAY on a stream', [frame(type.goaway, 0, 1, uint32(0, 0))], goaway(protocol)),
  rule('6.8', 'GOAWAY of 7 bytes', [frame(type.goaway, 0, 0, Buffer.alloc(7))], goaway(frameSize)),
  rule('6.8', 'GOAWAY that includes the request', [told(1), answer()], { answered: /^HTTP\/1.1 200 /, leaves: true }),
  rule('6.8', 'and its notice before', [told(0x7fffffff), told(1), answer()], { answered: /^HTTP\/1.1 200 /, leaves: true }),
  rule('6.9', 'WINDOW_UPDATE of the connection by 0', [windowUpdate(0, 0)], goaway(protocol)),
  rule('6.9', 'WINDOW_UPDATE of a stream by 0', [windowUpdate(1, 0)], malformed),
  rule('6.9', 'WINDOW_UPDATE of 3 bytes', [frame(type.windowUpdate, 0, 0, 'abc')], goaway(frameSize)),
  rule('6.9.1', 'the connection window beyond 2^31 - 1', [windowUpdate(0, 0x7fffffff)], goaway(flowControl)),
  rule('6.9.1', 'a stream window beyond it', [windowUpdate(1, 0x7fffffff)], resets(flowControl)),
  rule('6.10', 'a head in two frames', [frame(type.headers, flag.endStream, 1, ok.subarray(0, 4)), continuation(1, ok.subarray(4))], ok200),
  rule('6.10', 'CONTINUATION without HEADERS', [continuation(1, ok)], goaway(protocol)),
  rule(
    '6.10',
    'CONTINUATION without end',
    [frame(type.headers, 0, 1, ok), ...Array.from({ length: 40 }, () => continuation(1, 'x', 0))],
    goaway(calm),
  ),
];

const messages: ClientRule[] = [
  rule('8.1', 'DATA before the head', [lastData(1, 'x')], malformed),
  rule(
    '8.1',
    'trailers',
    [head(), data(1, 'abc'), frame(type.headers, all, 1, block([['x-sum', '7']]))],
    gives(/abc\r\n0\r\nx-sum: 7\r\n\r\n$/),
  ),
  rule('8.1', 'trailers that do not end the stream', [head(), frame(type.headers, 4, 1, block([['x', '7']]))], {
    reset: protocol,
    begun: true,
  }),
  rule('8.1', 'a pseudo field in trailers', [head(), frame(type.headers, all, 1, ok)], { reset: protocol, begun: true }),
  rule('8.1', 'an interim response', [interim(), answer()], gives(/^HTTP\/1.1 103 [\s\S]*HTTP\/1.1 200 /)),
  rule('8.1', 'an interim response that ends the stream', [answer([[':status', '103']])], malformed),
  rule(
    '8.1',
    'interim responses without end',
    Array.from({ length: 1000 }, () => interim()),
    { reset: cancel },
  ),
  rule('8.1.1', 'more body than declared', [head(fields(['content-length', '1'])), lastData(1, 'xx')], { reset: protocol, begun: true }),
  rule('8.1.1', 'less body than declared', [head(fields(['content-length', '9'])), lastData(1, 'xx')], { reset: protocol, begun: true }),
  rule('8.1.1', 'no body where one is declared', [answer(fields(['content-length', '9']))], malformed),
  rule('8.1.1', 'a length that is no number', [answer(fields(['content-length', '0x0']))], malformed),
  rule(
    '8.1.1',
    '304 declares what it has not',
    [
      answer([
        [':status', '304'],
        ['content-length', '9'],
      ]),
    ],
    gives(/^HTTP\/1.1 304 [\s\S]*content-length: 9/),
  ),
  rule('8.2', 'an upper case name', [answer(fields(['X-A', 'b']))], malformed),
  rule('8.2.1', 'a name with a space', [answer(fields(['x a', 'b']))], malformed),
  ...['\r', '\n', '\0', 'a\r\nset-cookie: b'].map((value) =>
    rule('8.2.1', `a value with ${JSON.stringify(value)}`, [answer(fields(['x', value]))], malformed),
  ),
  ...['connection', 'keep-alive', 'transfer-encoding', 'upgrade'].map((name) =>
    rule('8.2.2', name, [answer(fields([name, 'close']))], malformed),
  ),
  rule('8.3', 'an unknown pseudo field', [answer([[':test', 'a'], ...fields()])], malformed),
  rule('8.3', 'a pseudo field of requests', [answer([[':path', '/'], ...fields()])], malformed),
  rule('8.3', 'a pseudo field behind another field', [answer([['a', 'b'], ...fields()])], malformed),
  rule('8.3.2', 'no :status', [answer([['a', 'b']])], malformed),
  rule('8.3.2', ':status twice', [answer([[':status', '200'], ...fields()])], malformed),
  ...['20', '2000', 'abc', '099', '+20', ''].map((status) =>
    rule('8.3.2', `the status ${JSON.stringify(status)}`, [answer([[':status', status]])], malformed),
  ),
  rule('8.6', '101', [answer([[':status', '101']])], malformed),
];

const compressionRules: ClientRule[] = [
  rule('RFC 7541 2.3.3', 'an index beyond the tables', [frame(type.headers, all, 1, Buffer.from([0x88, 0xff, 0x00]))], goaway(compression)),
  rule(
    'RFC 7541 4.2',
    'a table size above what was announced',
    [frame(type.headers, all, 1, Buffer.from([0x3f, 0xe2, 0x1f, 0x88]))],
    goaway(compression),
  ),
  rule('RFC 7541 4.2', 'a table size behind a field', [frame(type.headers, all, 1, Buffer.from([0x88, 0x20]))], goaway(compression)),
  rule(
    'RFC 7541 5.1',
    'an integer without end',
    [frame(type.headers, all, 1, Buffer.from([0x88, 0x7f, ...new Array(12).fill(0xff)]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 5.2',
    'Huffman padding of zeros',
    [frame(type.headers, all, 1, Buffer.from([0x88, 0, 0x81, 0x18, 0]))],
    goaway(compression),
  ),
  rule('RFC 7541 6.1', 'index 0', [frame(type.headers, all, 1, Buffer.from([0x88, 0x80]))], goaway(compression)),
  rule('RFC 7541 6.1', 'a status by index', [frame(type.headers, all, 1, Buffer.from([0x88]))], ok200),
];

const times = (count: number, one: () => Buffer) => Array.from({ length: count }, one);

/** Section 10.5, from a server. */
const floods: ClientRule[] = [
  rule(
    '10.5',
    'PING without end',
    times(4000, () => ping()),
    goaway(calm),
  ),
  rule(
    '10.5',
    'SETTINGS without end',
    times(300, () => settings()),
    goaway(calm),
  ),
  rule('10.5', 'empty DATA without end', [head(), ...times(300, () => data(1, ''))], { goaway: calm, begun: true }),
  rule(
    '10.5',
    'unknown frames without end',
    times(300, () => frame(0x44, 0, 0)),
    goaway(calm),
  ),
  rule(
    '10.5',
    'WINDOW_UPDATE without end',
    times(8000, () => windowUpdate(0, 1)),
    goaway(calm),
  ),
  rule(
    '10.5',
    'a bomb of HPACK',
    [
      frame(
        type.headers,
        all,
        1,
        Buffer.concat([ok, Buffer.from([0x40, 1, 0x61, 0x7f, 0xb9, 0x16]), Buffer.alloc(3000, 0x61), Buffer.alloc(5000, 0xbe)]),
      ),
    ],
    malformed,
  ),
];

export const clientRules: readonly ClientRule[] = [...connection, ...streams, ...frames, ...messages, ...compressionRules, ...floods];
