// What a server does about what a client sends, rule by rule of RFC 9113 (and what h2spec asks). Each begins after the preface and empty
// SETTINGS, on a fresh connection; driven through the codec by connection.test.ts, through a proxy by test/proxy/http2-rules.test.ts.
import { clientPreface } from '#codec/http2/frame';
import {
  block,
  continuation,
  data,
  type FieldPair,
  flag,
  frame,
  getFields,
  headers,
  hello,
  lastData,
  ping,
  post,
  postFields,
  reset,
  settings,
  type,
  uint32,
  windowUpdate,
} from './frames.ts';

/** `goaway`: a connection error. `reset`: stream errors, and the connection goes on. `answered`: these streams get their whole answer. */
export type Expected = { goaway: number } | { reset: string[] } | { answered: number[] } | { alive: true };

export interface Rule {
  section: string;
  what: string;
  send: Buffer;
  expect: Expected;
}

const noError = 0x0,
  protocol = 0x1,
  flowControl = 0x3,
  closed = 0x5,
  frameSize = 0x6,
  refused = 0x7,
  compression = 0x9,
  calm = 0xb;

const alive: Expected = { alive: true };
const answered = (...answered: number[]): Expected => ({ answered });
const goaway = (goaway: number): Expected => ({ goaway });
const resets = (...reset: string[]): Expected => ({ reset });
const malformed = resets(`1:${protocol}`);

/** Behind the preface and SETTINGS. */
function rule(section: string, what: string, send: Buffer[], expect: Expected): Rule {
  return { section, what, send: Buffer.concat([hello, ...send]), expect };
}

/** Instead of them. */
function first(section: string, what: string, send: Buffer[], expect: Expected): Rule {
  return { section, what, send: Buffer.concat(send), expect };
}

const without = (name: string) => getFields.filter((field) => field[0] !== name);
const withField = (...more: FieldPair[]) => [...getFields, ...more];
const replaced = (name: string, value: string) => getFields.map((field): FieldPair => (field[0] === name ? [name, value] : field));
const all = flag.endHeaders | flag.endStream;
const priority = (dependsOn: number) => Buffer.concat([uint32(dependsOn), Buffer.from([15])]);
const padded = (padding: number, payload: Buffer, pad = padding) => Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(pad)]);
const get = block(getFields);
const kilobytes = (n: number) => 'x'.repeat(n * 1024);

const connection: Rule[] = [
  first('3.4', 'a preface that is wrong at its end', [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r_')], goaway(protocol)),
  first('3.4', 'no SETTINGS behind the preface', [clientPreface, headers(1)], goaway(protocol)),
  first('3.4', 'PING before SETTINGS', [clientPreface, ping()], goaway(protocol)),
  first('3.4', 'DATA before SETTINGS', [clientPreface, data(1, 'x')], goaway(protocol)),
  first('3.4', 'an acknowledgement is not the first SETTINGS', [clientPreface, frame(type.settings, 1, 0)], goaway(protocol)),
  first('3.4', 'SETTINGS with values', [clientPreface, settings([1, 0], [3, 1], [4, 1_000_000], [5, 20_000]), headers(1)], answered(1)),
  rule('4.1', 'a frame of an unknown type is ignored', [frame(0x16, 0xff, 0, 'abc'), headers(1)], answered(1)),
  rule('4.1', 'and so on a stream', [headers(1), frame(0xfa, 0, 1, 'abc')], answered(1)),
  rule('4.1', 'flags without meaning are ignored', [ping('12345678', 0x16)], alive),
  rule('4.1', 'the reserved bit is ignored', [headers(0x80000001)], answered(1)),
  rule('4.2', 'DATA of 16,384 bytes', [post(1), lastData(1, kilobytes(16))], answered(1)),
  rule('4.2', 'DATA larger than SETTINGS_MAX_FRAME_SIZE', [post(1), lastData(1, kilobytes(17))], goaway(frameSize)),
  rule('4.2', 'HEADERS larger than that', [headers(1, withField(['a', kilobytes(17)]))], goaway(frameSize)),
  rule('4.2', 'SETTINGS larger than that', [frame(type.settings, 0, 0, Buffer.alloc(6 * 3000))], goaway(frameSize)),
  rule('4.2', 'an unknown frame larger than that', [frame(0x20, 0, 0, kilobytes(17))], goaway(frameSize)),
  rule('4.3', 'a header block that is cut off', [frame(type.headers, all, 1, get.subarray(0, -3))], goaway(compression)),
  rule('4.3', 'a header block that is none', [frame(type.headers, all, 1, Buffer.from([0x40, 0x7f, 0xff]))], goaway(compression)),
  rule(
    '4.3',
    'PRIORITY within a header block',
    [headers(1, getFields, flag.endStream), frame(type.priority, 0, 1, priority(0))],
    goaway(protocol),
  ),
  rule('4.3', 'DATA within one', [headers(1, getFields, flag.endStream), data(1, 'x')], goaway(protocol)),
  rule('4.3', 'PING within one', [headers(1, getFields, flag.endStream), ping()], goaway(protocol)),
  rule('4.3', 'an unknown frame within one', [headers(1, getFields, flag.endStream), frame(0x20, 0, 1)], goaway(protocol)),
  rule('4.3', 'HEADERS of another stream within one', [headers(1, getFields, flag.endStream), headers(3)], goaway(protocol)),
  rule('4.3', 'CONTINUATION of another stream within one', [headers(1, getFields, flag.endStream), continuation(3)], goaway(protocol)),
];

const streams: Rule[] = [
  rule('5.1', 'idle: DATA', [data(1, 'x')], goaway(protocol)),
  rule('5.1', 'idle: empty DATA that ends', [lastData(1)], goaway(protocol)),
  rule('5.1', 'idle: RST_STREAM', [reset(1)], goaway(protocol)),
  rule('5.1', 'idle: WINDOW_UPDATE', [windowUpdate(1, 100)], goaway(protocol)),
  rule('5.1', 'idle: CONTINUATION', [continuation(1, get)], goaway(protocol)),
  rule('5.1', 'idle: PRIORITY is accepted', [frame(type.priority, 0, 1, priority(0)), headers(1)], answered(1)),
  rule('5.1', 'half closed: DATA', [headers(1), data(1, 'x'), ping()], resets(`1:${closed}`)),
  rule('5.1', 'half closed: HEADERS', [headers(1), headers(1)], resets(`1:${closed}`)),
  rule('5.1', 'half closed: CONTINUATION', [headers(1), continuation(1, get)], goaway(protocol)),
  rule('5.1', 'half closed: WINDOW_UPDATE', [headers(1), windowUpdate(1, 5)], answered(1)),
  rule('5.1', 'half closed: PRIORITY', [headers(1), frame(type.priority, 0, 1, priority(0))], answered(1)),
  rule('5.1', 'closed by a reset: DATA', [post(1), reset(1), data(1, 'x')], resets(`1:${closed}`)),
  rule('5.1', 'closed by a reset: HEADERS', [post(1), reset(1), headers(1)], goaway(closed)),
  rule('5.1', 'closed by a reset: CONTINUATION', [post(1), reset(1), continuation(1)], goaway(protocol)),
  rule('5.1', 'closed by a reset: WINDOW_UPDATE', [post(1), reset(1), windowUpdate(1, 1), headers(3)], answered(3)),
  rule('5.1', 'closed by a reset: another', [post(1), reset(1), reset(1), headers(3)], answered(3)),
  rule('5.1', 'closed by a reset: PRIORITY', [post(1), reset(1), frame(type.priority, 0, 1, priority(0)), headers(3)], answered(3)),
  rule(
    '5.1',
    'reset by us: what was on its way is ignored',
    [headers(1, without(':path'), flag.endHeaders), data(1, 'x'), headers(3)],
    answered(3),
  ),
  rule(
    '5.1',
    'reset by us: trailers too',
    [headers(1, without(':path'), flag.endHeaders), headers(1, [['a', 'b']]), headers(3)],
    answered(3),
  ),
  rule('5.1.1', 'an even number', [headers(2)], goaway(protocol)),
  rule('5.1.1', 'a number lower than the last', [headers(5), headers(3)], goaway(protocol)),
  rule('5.1.1', 'numbers may be skipped', [headers(1), headers(101)], answered(1, 101)),
  rule('5.1.1', 'the highest number', [headers(0x7fffffff)], answered(0x7fffffff)),
  rule('5.1.2', 'more streams than announced', [post(1), post(3), post(5), post(7), headers(9)], resets(`9:${refused}`)),
  rule(
    '5.1.2',
    'as many as announced',
    [post(1), post(3), post(5), headers(7), lastData(1), lastData(3), lastData(5)],
    answered(1, 3, 5, 7),
  ),
  rule('5.3.2', 'a stream that depends on itself', [frame(type.priority, 0, 1, priority(1)), headers(1)], answered(1)),
  rule('5.4.1', 'nothing is answered behind a connection error', [ping('abc', 0), headers(1)], goaway(frameSize)),
  rule('5.5', 'an unknown setting is ignored', [settings([0xff, 5]), headers(1)], answered(1)),
];

const frames: Rule[] = [
  rule('6.1', 'a body in several frames', [post(1), data(1, 'ab'), data(1, 'cd'), lastData(1, 'ef')], answered(1)),
  rule('6.1', 'DATA on stream 0', [data(0, 'x')], goaway(protocol)),
  rule('6.1', 'padded DATA', [post(1), frame(type.data, flag.padded | flag.endStream, 1, padded(5, Buffer.from('abc')))], answered(1)),
  rule('6.1', 'nothing but padding', [post(1), frame(type.data, flag.padded | flag.endStream, 1, padded(5, Buffer.alloc(0)))], answered(1)),
  rule(
    '6.1',
    'padding as long as the payload',
    [post(1), frame(type.data, flag.padded, 1, padded(4, Buffer.from('abc'), 0))],
    goaway(protocol),
  ),
  rule(
    '6.1',
    'padding longer than the payload',
    [post(1), frame(type.data, flag.padded, 1, padded(200, Buffer.from('abc'), 0))],
    goaway(protocol),
  ),
  rule('6.1', 'padded DATA without a length of the padding', [post(1), frame(type.data, flag.padded, 1)], goaway(protocol)),
  rule('6.1', 'empty DATA that ends the body', [post(1), data(1, 'abc'), lastData(1)], answered(1)),
  rule('6.2', 'HEADERS on stream 0', [headers(0)], goaway(protocol)),
  rule('6.2', 'padded HEADERS', [frame(type.headers, all | flag.padded, 1, padded(9, get))], answered(1)),
  rule('6.2', 'HEADERS with a priority', [frame(type.headers, all | flag.priority, 1, Buffer.concat([priority(0), get]))], answered(1)),
  rule(
    '6.2',
    'with both',
    [frame(type.headers, all | flag.priority | flag.padded, 1, padded(3, Buffer.concat([priority(7), get])))],
    answered(1),
  ),
  rule('6.2', 'padding longer than the payload', [frame(type.headers, all | flag.padded, 1, padded(255, get, 0))], goaway(protocol)),
  rule('6.2', 'a priority that is cut off', [frame(type.headers, all | flag.priority, 1, 'abc')], goaway(protocol)),
  rule('6.2', 'a padded frame without a length of the padding', [frame(type.headers, all | flag.padded, 1)], goaway(protocol)),
  rule('6.3', 'PRIORITY is ignored', [frame(type.priority, 0, 3, priority(1)), headers(1)], answered(1)),
  rule('6.3', 'PRIORITY on stream 0', [frame(type.priority, 0, 0, priority(1))], goaway(protocol)),
  rule('6.3', 'PRIORITY of 4 bytes', [headers(1), frame(type.priority, 0, 3, 'abcd')], resets(`3:${frameSize}`)),
  rule('6.4', 'RST_STREAM on stream 0', [reset(0)], goaway(protocol)),
  rule('6.4', 'RST_STREAM of 3 bytes', [post(1), frame(type.rstStream, 0, 1, 'abc')], goaway(frameSize)),
  rule('6.4', 'RST_STREAM of 5 bytes', [post(1), frame(type.rstStream, 0, 1, 'abcde')], goaway(frameSize)),
  rule('6.4', 'a reset with an unknown code', [post(1), reset(1, 0x7777), headers(3)], answered(3)),
  rule(
    '6.4',
    'a stream that is reset leaves room for others',
    [1, 3, 5, 7, 9, 11].flatMap((id) => [post(id), reset(id)]).concat(headers(13)),
    answered(13),
  ),
  rule('6.5', 'SETTINGS on a stream', [frame(type.settings, 0, 1)], goaway(protocol)),
  rule('6.5', 'an acknowledgement with a payload', [frame(type.settings, 1, 0, Buffer.alloc(6))], goaway(frameSize)),
  rule('6.5', 'SETTINGS of 5 bytes', [frame(type.settings, 0, 0, 'abcde')], goaway(frameSize)),
  rule('6.5', 'an acknowledgement that nobody asked for', [frame(type.settings, 1, 0), headers(1)], answered(1)),
  rule('6.5.2', 'ENABLE_PUSH of 2', [settings([2, 2])], goaway(protocol)),
  rule('6.5.2', 'ENABLE_PUSH of 1', [settings([2, 1]), headers(1)], answered(1)),
  rule('6.5.2', 'INITIAL_WINDOW_SIZE above 2^31 - 1', [settings([4, 0x80000000])], goaway(flowControl)),
  rule('6.5.2', 'INITIAL_WINDOW_SIZE of 2^31 - 1', [settings([4, 0x7fffffff]), headers(1)], answered(1)),
  rule('6.5.2', 'MAX_FRAME_SIZE below 16,384', [settings([5, 16_383])], goaway(protocol)),
  rule('6.5.2', 'MAX_FRAME_SIZE above 2^24 - 1', [settings([5, 16_777_216])], goaway(protocol)),
  rule('6.5.2', 'MAX_FRAME_SIZE of 2^24 - 1', [settings([5, 16_777_215]), headers(1)], answered(1)),
  rule('6.5.2', 'HEADER_TABLE_SIZE of 0', [settings([1, 0]), headers(1)], answered(1)),
  rule('6.5.2', 'HEADER_TABLE_SIZE of 2^32 - 1', [settings([1, 0xffffffff]), headers(1)], answered(1)),
  rule('6.5.2', 'MAX_CONCURRENT_STREAMS of 0 binds us, not the client', [settings([3, 0]), headers(1)], answered(1)),
  rule('6.5.2', 'MAX_HEADER_LIST_SIZE is advice', [settings([6, 1]), headers(1)], answered(1)),
  rule('6.5.2', 'the last of several values counts', [settings([4, 0], [4, 100]), headers(1)], answered(1)),
  rule(
    '6.6',
    'PUSH_PROMISE from a client',
    [headers(1), frame(type.pushPromise, flag.endHeaders, 1, Buffer.concat([uint32(2), get]))],
    goaway(protocol),
  ),
  rule('6.7', 'PING is answered', [ping('abcdefgh')], alive),
  rule('6.7', 'an acknowledgement of PING is not', [ping('abcdefgh', 1)], alive),
  rule('6.7', 'PING on a stream', [ping('12345678', 0, 1)], goaway(protocol)),
  rule('6.7', 'PING of 7 bytes', [ping('1234567')], goaway(frameSize)),
  rule('6.7', 'PING of 9 bytes', [ping('123456789')], goaway(frameSize)),
  rule('6.8', 'GOAWAY on a stream', [frame(type.goaway, 0, 1, uint32(0, 0))], goaway(protocol)),
  rule('6.8', 'GOAWAY of 7 bytes', [frame(type.goaway, 0, 0, Buffer.alloc(7))], goaway(frameSize)),
  rule('6.8', 'GOAWAY: what was asked is answered', [headers(1), frame(type.goaway, 0, 0, uint32(0, noError))], answered(1)),
  rule(
    '6.8',
    'GOAWAY with debug data',
    [headers(1), frame(type.goaway, 0, 0, Buffer.concat([uint32(0, noError), Buffer.from('bye')]))],
    answered(1),
  ),
  rule('6.9', 'WINDOW_UPDATE of the connection by 0', [windowUpdate(0, 0)], goaway(protocol)),
  rule('6.9', 'WINDOW_UPDATE of a stream by 0', [post(1), windowUpdate(1, 0)], resets(`1:${protocol}`)),
  rule('6.9', 'WINDOW_UPDATE of 3 bytes', [frame(type.windowUpdate, 0, 0, 'abc')], goaway(frameSize)),
  rule('6.9', 'WINDOW_UPDATE of 5 bytes on a stream', [post(1), frame(type.windowUpdate, 0, 1, 'abcde')], goaway(frameSize)),
  rule('6.9', 'the reserved bit of the increment is ignored', [windowUpdate(0, 0x80000001), headers(1)], answered(1)),
  rule('6.9.1', 'the connection window beyond 2^31 - 1', [windowUpdate(0, 0x7fffffff)], goaway(flowControl)),
  rule('6.9.1', 'in two steps', [windowUpdate(0, 0x7fff0000 - 1), windowUpdate(0, 0x10000)], goaway(flowControl)),
  rule('6.9.1', 'the connection window of exactly that', [windowUpdate(0, 0x7fffffff - 65_535), headers(1)], answered(1)),
  rule('6.9.1', 'a stream window beyond 2^31 - 1', [post(1), windowUpdate(1, 0x7fffffff)], resets(`1:${flowControl}`)),
  rule(
    '6.9.1',
    'a window of 1 byte: the answer comes as it is opened',
    [settings([4, 1]), headers(1), windowUpdate(1, 1), windowUpdate(1, 1000)],
    answered(1),
  ),
  rule('6.9.2', 'a window of 0, opened by SETTINGS', [settings([4, 0]), headers(1), settings([4, 1000])], answered(1)),
  rule('6.9.2', 'a window that falls below 0, and is opened', [headers(1), settings([4, 0]), settings([4, 65_535])], answered(1)),
  rule(
    '6.9.2',
    'SETTINGS that overflow a stream window',
    [post(1), windowUpdate(1, 0x7fff0000 - 1), settings([4, 0x20000])],
    goaway(flowControl),
  ),
  rule(
    '6.10',
    'a head in two frames',
    [frame(type.headers, flag.endStream, 1, get.subarray(0, 9)), continuation(1, get.subarray(9))],
    answered(1),
  ),
  rule(
    '6.10',
    'a head in many',
    [
      frame(type.headers, flag.endStream, 1),
      ...[...get].map((byte) => continuation(1, Buffer.from([byte]), 0)).slice(0, 20),
      continuation(1, get.subarray(20)),
    ],
    answered(1),
  ),
  rule('6.10', 'CONTINUATION without HEADERS', [continuation(1, get)], goaway(protocol)),
  rule('6.10', 'CONTINUATION behind the end of the block', [headers(1), continuation(1)], goaway(protocol)),
  rule('6.10', 'CONTINUATION on stream 0', [headers(1, getFields, flag.endStream), continuation(0)], goaway(protocol)),
  rule('6.10', 'CONTINUATION behind DATA', [post(1), data(1, 'x'), continuation(1)], goaway(protocol)),
  rule(
    '6.10',
    'CONTINUATION without end',
    [headers(1, getFields, flag.endStream), ...Array.from({ length: 40 }, () => continuation(1, 'x', 0))],
    goaway(calm),
  ),
  rule(
    '6.10',
    'empty CONTINUATION without end',
    [headers(1, getFields, flag.endStream), ...Array.from({ length: 40 }, () => continuation(1, '', 0))],
    goaway(calm),
  ),
];

const messages: Rule[] = [
  rule('7', 'GOAWAY with a code nobody knows', [headers(1), frame(type.goaway, 0, 0, uint32(0, 0xff))], answered(1)),
  rule('7', 'RST_STREAM with one', [post(1), reset(1, 0xff), headers(3)], answered(3)),
  rule('8.1', 'a request with trailers', [post(1), data(1, 'abc'), headers(1, [['x-checksum', '1']])], answered(1)),
  rule('8.1', 'trailers without a body', [post(1), headers(1, [['x-checksum', '1']])], answered(1)),
  rule('8.1', 'trailers that do not end the stream', [post(1), headers(1, [['a', 'b']], flag.endHeaders)], malformed),
  rule('8.1', 'a pseudo field in trailers', [post(1), headers(1, [[':method', 'GET']])], malformed),
  rule('8.1', 'an empty head', [headers(1, [])], malformed),
  rule('8.1.1', 'content-length above the body', [post(1, ['content-length', '5']), lastData(1, 'abc')], malformed),
  rule('8.1.1', 'content-length below it', [post(1, ['content-length', '2']), lastData(1, 'abc')], malformed),
  rule('8.1.1', 'content-length below a body in parts', [post(1, ['content-length', '3']), data(1, 'ab'), lastData(1, 'cd')], malformed),
  rule('8.1.1', 'content-length of the body', [post(1, ['content-length', '4']), data(1, 'ab'), lastData(1, 'cd')], answered(1)),
  rule('8.1.1', 'content-length without a body', [headers(1, [...postFields, ['content-length', '4']])], malformed),
  rule('8.1.1', 'content-length of 0 without a body', [headers(1, [...postFields, ['content-length', '0']])], answered(1)),
  rule(
    '8.1.1',
    'content-length before trailers that come early',
    [post(1, ['content-length', '9']), data(1, 'x'), headers(1, [['a', 'b']])],
    malformed,
  ),
  rule('8.1.1', 'content-length twice', [post(1, ['content-length', '3'], ['content-length', '3']), lastData(1, 'abc')], malformed),
  rule('8.1.1', 'content-length that is no number', [post(1, ['content-length', '0x3']), lastData(1, 'abc')], malformed),
  rule('8.1.1', 'content-length as a list', [post(1, ['content-length', '3, 3']), lastData(1, 'abc')], malformed),
  rule('8.1.1', 'content-length with a sign', [post(1, ['content-length', '+3']), lastData(1, 'abc')], malformed),
  rule('8.2', 'an upper case name', [headers(1, withField(['X-Test', 'a']))], malformed),
  rule('8.2', 'an upper case name in trailers', [post(1), headers(1, [['X-Test', 'a']])], malformed),
  rule('8.2', 'a field in lower case', [headers(1, withField(['x-test', 'a']))], answered(1)),
  rule('8.2.1', 'a name with a space', [headers(1, withField(['x test', 'a']))], malformed),
  rule('8.2.1', 'a name with a control character', [headers(1, withField(['x\u0001', 'a']))], malformed),
  rule('8.2.1', 'a name above ASCII', [headers(1, withField(['x\u00e9', 'a']))], malformed),
  rule('8.2.1', 'a name with a colon', [headers(1, withField(['x:y', 'a']))], malformed),
  rule('8.2.1', 'an empty name', [headers(1, withField(['', 'a']))], malformed),
  rule('8.2.1', 'a name of nothing but a colon', [headers(1, [[':', 'a'], ...getFields])], malformed),
  ...['\r', '\n', '\0', 'a\r\nb: c', 'a\0b'].map((value) =>
    rule('8.2.1', `a value with ${JSON.stringify(value)}`, [headers(1, withField(['x', value]))], malformed),
  ),
  ...[' a', '\ta', 'a ', 'a\t'].map((value) =>
    rule('8.2.1', `the value ${JSON.stringify(value)}`, [headers(1, withField(['x', value]))], malformed),
  ),
  rule('8.2.1', 'a value with a space and a tab within', [headers(1, withField(['x', 'a b\tc']))], answered(1)),
  rule('8.2.1', 'a value above ASCII', [headers(1, withField(['x', 'caf\u00e9']))], answered(1)),
  rule('8.2.1', 'an empty value', [headers(1, withField(['x', '']))], answered(1)),
  rule('8.2.1', 'a path with a line break', [headers(1, replaced(':path', '/\r\nx: y'))], malformed),
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) =>
    rule('8.2.2', name, [headers(1, withField([name, name === 'transfer-encoding' ? 'chunked' : 'close']))], malformed),
  ),
  rule('8.2.2', 'te other than trailers', [headers(1, withField(['te', 'gzip']))], malformed),
  rule('8.2.2', 'te: trailers', [headers(1, withField(['te', 'trailers']))], answered(1)),
  rule('8.2.2', 'transfer-encoding in trailers', [post(1), headers(1, [['transfer-encoding', 'chunked']])], malformed),
  rule('8.2.3', 'cookies in crumbs', [headers(1, withField(['cookie', 'a=b'], ['cookie', 'c=d']))], answered(1)),
  rule('8.3', 'an unknown pseudo field', [headers(1, [[':test', 'a'], ...getFields])], malformed),
  rule('8.3', 'a pseudo field of responses', [headers(1, [[':status', '200'], ...getFields])], malformed),
  rule('8.3', 'a pseudo field behind another field', [headers(1, [...without(':path'), ['a', 'b'], [':path', '/']])], malformed),
  rule('8.3', 'a pseudo field behind host', [headers(1, [...without(':path'), ['host', 'svc.example'], [':path', '/']])], malformed),
  ...[':method', ':scheme', ':path'].map((name) => rule('8.3.1', `no ${name}`, [headers(1, without(name))], malformed)),
  ...[':method', ':scheme', ':path', ':authority'].map((name) =>
    rule('8.3.1', `${name} twice`, [headers(1, [...getFields, getFields.find((field) => field[0] === name)!])], malformed),
  ),
  rule('8.3.1', 'an empty path', [headers(1, replaced(':path', ''))], malformed),
  rule('8.3.1', 'a path that does not begin with a slash', [headers(1, replaced(':path', 'index.html'))], malformed),
  rule('8.3.1', 'a path with a space', [headers(1, replaced(':path', '/a b'))], malformed),
  rule('8.3.1', 'a path with a fragment', [headers(1, replaced(':path', '/a#b'))], malformed),
  rule(
    '8.3.1',
    'the path * of OPTIONS',
    [
      headers(1, [
        [':method', 'OPTIONS'],
        [':scheme', 'http'],
        [':path', '*'],
        [':authority', 'a'],
      ]),
    ],
    answered(1),
  ),
  rule('8.3.1', 'the path * of GET', [headers(1, replaced(':path', '*'))], malformed),
  rule('8.3.1', 'an empty method', [headers(1, replaced(':method', ''))], malformed),
  rule('8.3.1', 'a method with a space', [headers(1, replaced(':method', 'GET /x'))], malformed),
  rule('8.3.1', 'a scheme other than http and https', [headers(1, replaced(':scheme', 'ftp'))], malformed),
  rule('8.3.1', 'the scheme https', [headers(1, replaced(':scheme', 'https'))], answered(1)),
  rule('8.3.1', 'host in the place of :authority', [headers(1, [...without(':authority'), ['host', 'svc.example']])], answered(1)),
  rule('8.3.1', 'host beside the same :authority', [headers(1, withField(['host', 'svc.example']))], answered(1)),
  rule('8.3.1', 'host beside another :authority', [headers(1, withField(['host', 'other.example']))], malformed),
  rule('8.3.1', 'host twice', [headers(1, [...without(':authority'), ['host', 'a'], ['host', 'a']])], malformed),
  rule('8.3.1', 'neither of them', [headers(1, without(':authority'))], malformed),
  rule('8.3.1', 'userinfo in :authority', [headers(1, replaced(':authority', 'me@svc.example'))], malformed),
  rule('8.3.1', 'a comma in :authority', [headers(1, replaced(':authority', 'a,b'))], malformed),
  rule('8.3.1', 'a path in :authority', [headers(1, replaced(':authority', 'a/b'))], malformed),
  rule('8.5', 'CONNECT with a path', [headers(1, replaced(':method', 'CONNECT'), flag.endHeaders)], malformed),
  rule('8.5', 'CONNECT without :authority', [headers(1, [[':method', 'CONNECT']], flag.endHeaders)], malformed),
  rule(
    '8.5',
    'CONNECT without a port',
    [
      headers(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'svc.example'],
        ],
        flag.endHeaders,
      ),
    ],
    malformed,
  ),
  rule('RFC 8441', ':protocol without CONNECT', [headers(1, [[':protocol', 'websocket'], ...getFields])], malformed),
  rule(
    'RFC 8441',
    'an extended CONNECT without a path',
    [
      headers(
        1,
        [
          [':method', 'CONNECT'],
          [':protocol', 'websocket'],
          [':scheme', 'http'],
          [':authority', 'a'],
        ],
        flag.endHeaders,
      ),
    ],
    malformed,
  ),
];

const compressionRules: Rule[] = [
  rule(
    'RFC 7541 6.3',
    'a table of size 0, and an entry of it',
    [frame(type.headers, all, 1, Buffer.concat([Buffer.from([0x20]), get, Buffer.from([0x40, 1, 0x61, 1, 0x62, 0xbe])]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 2.3.3',
    'an index beyond the tables',
    [frame(type.headers, all, 1, Buffer.concat([get, Buffer.from([0xff, 0x00])]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 4.2',
    'a table size above what was announced',
    [frame(type.headers, all, 1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), get]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 4.2',
    'a table size behind a field',
    [frame(type.headers, all, 1, Buffer.concat([get, Buffer.from([0x20])]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 4.2',
    'table sizes at the beginning',
    [frame(type.headers, all, 1, Buffer.concat([Buffer.from([0x20, 0x3f, 0xe1, 0x1f]), get]))],
    answered(1),
  ),
  rule(
    'RFC 7541 5.2',
    'Huffman padding of more than 7 bits',
    [frame(type.headers, all, 1, Buffer.from([0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 5.2',
    'Huffman padding of zeros',
    [frame(type.headers, all, 1, Buffer.from([0, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]))],
    goaway(compression),
  ),
  rule(
    'RFC 7541 5.2',
    'the Huffman code of the end',
    [frame(type.headers, all, 1, Buffer.from([0, 0x84, 0xff, 0xff, 0xff, 0xff, 0]))],
    goaway(compression),
  ),
  rule('RFC 7541 6.1', 'index 0', [frame(type.headers, all, 1, Buffer.concat([get, Buffer.from([0x80])]))], goaway(compression)),
  rule('RFC 7541 6.1', 'fields by index', [frame(type.headers, all, 1, Buffer.from([0x82, 0x86, 0x84, 0x41, 1, 0x61]))], answered(1)),
  rule(
    'RFC 7541 6.2.3',
    'a field that is never indexed',
    [frame(type.headers, all, 1, Buffer.concat([get, Buffer.from([0x10, 1, 0x61, 1, 0x62])]))],
    answered(1),
  ),
  rule(
    'RFC 7541 5.1',
    'an integer without end',
    [frame(type.headers, all, 1, Buffer.concat([get, Buffer.from([0x7f, ...new Array(12).fill(0xff)])]))],
    goaway(compression),
  ),
];

const times = (count: number, one: (i: number) => Buffer) => Array.from({ length: count }, (_, i) => one(i));
/** An entry of 3,000 bytes, and so many times its index. */
const bomb = (count: number) =>
  Buffer.concat([get, Buffer.from([0x40, 1, 0x61, 0x7f, 0xb9, 0x16]), Buffer.alloc(3000, 0x61), Buffer.alloc(count, 0xbe)]);

/** Section 10.5: what costs a client little, and us more. More than flood-guard.ts allows at once. */
const floods: Rule[] = [
  rule(
    '10.5',
    'streams that are reset at once, without end',
    times(700, (i) => Buffer.concat([post(1 + 2 * i), reset(1 + 2 * i)])),
    goaway(calm),
  ),
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
  rule('10.5', 'empty DATA without end', [post(1), ...times(300, () => data(1, ''))], goaway(calm)),
  rule(
    '10.5',
    'DATA of nothing but padding without end',
    [post(1), ...times(300, () => frame(type.data, flag.padded, 1, padded(1, Buffer.alloc(0))))],
    goaway(calm),
  ),
  rule(
    '10.5',
    'PRIORITY without end',
    times(2000, () => frame(type.priority, 0, 1, priority(0))),
    goaway(calm),
  ),
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
    'malformed requests without end',
    times(1000, (i) => headers(1 + 2 * i, without(':path'))),
    goaway(calm),
  ),
  rule('10.5', 'a bomb of HPACK: its fields are counted, not kept', [frame(type.headers, all, 1, bomb(5000)), headers(3)], answered(1, 3)),
  rule('10.5', 'a window that opens by single bytes', [settings([4, 1]), headers(1), ...times(40, () => windowUpdate(1, 1))], answered(1)),
  rule('10.5', 'a window that opens and shuts', [headers(1), ...times(20, (i) => settings([4, i % 2 === 0 ? 0 : 65_535]))], answered(1)),
];

/** The limits that the rules count on: four streams at once. */
export const ruleLimits = {
  concurrentStreamsMax: 4,
  streamWindowBytes: 65_535,
  connectionWindowBytes: 65_535,
  headerListBytesMax: 61_440,
  headersMax: 100,
};

export const serverRules: readonly Rule[] = [...connection, ...streams, ...frames, ...messages, ...compressionRules, ...floods];
