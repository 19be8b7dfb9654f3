// What the proxy does about HTTP/1 messages, rule by rule of RFC 9110 and 9112: as a server about what a client sends, as a client about what
// an upstream answers. Data of http1-rules.test.ts, which drives each over real sockets.

/**
 * `refused`: with this status; the connection is closed, nothing of it goes upstream, and nothing behind it is served. `served`: what goes
 * upstream, what comes back, and the connection goes on; `closes`: or ends.
 */
export type ClientExpected = { refused: number } | { served: RegExp; answer?: RegExp; closes?: true };

export interface ClientRule {
  section: string;
  what: string;
  send: string;
  expect: ClientExpected;
  /** What the upstream answers. */
  upstream?: string;
  /** The refusal comes once the head has been passed on. */
  inBody?: true;
}

/**
 * `answer`: what the client gets; the connection upstream serves the next request too, or `worn`: it is not used again. `refused`: a 502, and
 * the connection upstream is closed. `cut`: the client is cut off, so that it does not take a part for the whole.
 */
export type UpstreamExpected = { answer: RegExp; worn?: true } | { refused: true } | { cut: RegExp };

export interface UpstreamRule {
  section: string;
  what: string;
  /** Default: a GET. */
  request?: string;
  respond: string;
  /** The upstream closes behind it. */
  ends?: true;
  expect: UpstreamExpected;
}

const post = 'POST / HTTP/1.1\r\nhost: a\r\n';
const chunked = `${post}transfer-encoding: chunked\r\n\r\n`;
const get = (line = 'GET / HTTP/1.1', ...fields: string[]) => `${[line, 'host: a', ...fields].join('\r\n')}\r\n\r\n`;

const refused = (section: string, what: string, send: string, status = 400): ClientRule => ({
  section,
  what,
  send,
  expect: { refused: status },
});
const badChunks = (section: string, what: string, body: string): ClientRule => ({
  ...refused(section, what, chunked + body),
  inBody: true,
});
const served = (
  section: string,
  what: string,
  send: string,
  upstream: RegExp,
  more: { answer?: RegExp; closes?: true } = {},
): ClientRule => ({
  section,
  what,
  send,
  expect: { served: upstream, ...more },
});

const startLines: ClientRule[] = [
  served('9112 2.2', 'empty lines before a request are ignored', `\r\n\r\n${get()}`, /^GET \/ HTTP\/1.1\r\n/),
  refused('9112 2.2', 'lines that end in LF alone', 'GET / HTTP/1.1\nhost: a\n\n'),
  refused('9112 2.2', 'one of them', 'GET / HTTP/1.1\r\nhost: a\nx: b\r\n\r\n'),
  refused('9112 2.2', 'LF alone as the empty line', 'GET / HTTP/1.1\r\nhost: a\r\n\n'),
  refused('9112 2.2', 'CR alone in a value', 'GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n'),
  refused('9112 2.2', 'CR alone behind the request line', 'GET / HTTP/1.1\rhost: a\r\n\r\n'),
  refused('9112 2.2', 'a space before the first field', 'GET / HTTP/1.1\r\n host: a\r\n\r\n'),
  refused('9112 2.2', 'what is not HTTP: a TLS hello', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000'),
  refused('9112 2.3', 'HTTP/0.9', 'GET /\r\n\r\n'),
  refused('9112 2.3', 'HTTP/1.2', get('GET / HTTP/1.2')),
  refused('9112 2.3', 'HTTP/2.0', get('GET / HTTP/2.0')),
  refused('9112 2.3', 'the version in lower case', get('GET / http/1.1')),
  refused('9112 2.3', 'a version of two digits', get('GET / HTTP/1.10')),
  refused('9112 2.3', 'HTTP/1.0, which is not served here', get('GET / HTTP/1.0'), 426),
  refused('9112 3', 'two spaces', get('GET  / HTTP/1.1')),
  refused('9112 3', 'a tab for a space', get('GET\t/ HTTP/1.1')),
  refused('9112 3', 'a space before the method', get(' GET / HTTP/1.1')),
  refused('9112 3', 'a space in the target', get('GET /a b HTTP/1.1')),
  refused('9112 3', 'text behind the version', get('GET / HTTP/1.1 x')),
  refused('9112 3', 'a control character in the target', get('GET /\u0001 HTTP/1.1')),
  refused('9112 3', 'a target above ASCII', get('GET /\u00e9 HTTP/1.1')),
  refused('9112 3', 'a target of 64 KB', get(`GET /${'a'.repeat(65_536)} HTTP/1.1`), 431),
  refused('9112 3.1', 'a method that is no token', get('G(T / HTTP/1.1')),
  refused('9112 3.1', 'a method of 40 letters', get(`${'A'.repeat(40)} / HTTP/1.1`)),
  served('9112 3.1', 'methods have a case', get('get / HTTP/1.1'), /^get \/ HTTP\/1.1\r\n/),
  served('9110 9.1', 'a method nobody knows goes on', get('FROBNICATE / HTTP/1.1'), /^FROBNICATE \/ HTTP\/1.1\r\n/),
  served('9112 3.2.1', 'origin form, as it is', get('GET /a%2Fb?c=d&e=%20 HTTP/1.1'), /^GET \/a%2Fb\?c=d&e=%20 HTTP\/1.1\r\n/),
  refused('9112 3.2.1', 'a target that is neither path nor URI', get('GET a/b HTTP/1.1')),
  refused('9112 3.2.1', 'a fragment', get('GET /a#b HTTP/1.1')),
  served('9112 3.2.2', 'absolute form becomes origin form', get('GET http://a/x?y HTTP/1.1'), /^GET \/x\?y HTTP\/1.1\r\nhost: a\r\n/),
  served('9112 3.2.2', 'with no path, /', get('GET http://a HTTP/1.1'), /^GET \/ HTTP\/1.1\r\n/),
  served('9112 3.2.2', 'with a query alone, /', get('GET http://a?b HTTP/1.1'), /^GET \/\?b HTTP\/1.1\r\n/),
  served('9112 3.2.2', 'a scheme has no case', get('GET HTTP://a/ HTTP/1.1'), /^GET \/ HTTP\/1.1\r\n/),
  served(
    '9112 3.2.2',
    'its authority stands in the place of host',
    get('GET http://real:81/x HTTP/1.1', 'x: y'),
    /^GET \/x HTTP\/1.1\r\nhost: real:81\r\n(?![\s\S]*\r\nhost: )/,
  ),
  refused('9112 3.2.2', 'absolute form without a host', get('GET http:///x HTTP/1.1')),
  refused('9112 3.2.2', 'another scheme', get('GET ftp://a/ HTTP/1.1')),
  refused('9110 4.2.4', 'userinfo in the target', get('GET http://u:p@a/ HTTP/1.1')),
  refused('9112 3.2.3', 'CONNECT without a port', get('CONNECT a HTTP/1.1')),
  refused('9112 3.2.3', 'CONNECT with a port out of range', get('CONNECT a:99999 HTTP/1.1')),
  refused('9112 3.2.3', 'CONNECT to port 0', get('CONNECT a:0 HTTP/1.1')),
  refused('9112 3.2.3', 'CONNECT with a path', get('CONNECT /x HTTP/1.1')),
  refused('9110 9.3.6', 'CONNECT with a body', get('CONNECT a:80 HTTP/1.1', 'content-length: 5')),
  served('9112 3.2.4', 'OPTIONS *', get('OPTIONS * HTTP/1.1'), /^OPTIONS \* HTTP\/1.1\r\n/),
  refused('9112 3.2.4', 'GET *', get('GET * HTTP/1.1')),
];

const hosts: ClientRule[] = [
  refused('9112 3.2', 'no host', 'GET / HTTP/1.1\r\n\r\n'),
  refused('9112 3.2', 'an empty host', 'GET / HTTP/1.1\r\nhost:\r\n\r\n'),
  refused('9112 3.2', 'two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n'),
  refused('9112 3.2', 'two hosts that agree', 'GET / HTTP/1.1\r\nhost: a\r\nHost: a\r\n\r\n'),
  refused('9112 3.2', 'a host with a path', 'GET / HTTP/1.1\r\nhost: a/b\r\n\r\n'),
  refused('9112 3.2', 'a host with userinfo', 'GET / HTTP/1.1\r\nhost: u@a\r\n\r\n'),
  refused('9112 3.2', 'a list of hosts', 'GET / HTTP/1.1\r\nhost: a, b\r\n\r\n'),
  refused('9110 7.2', 'a host with a bad port', 'GET / HTTP/1.1\r\nhost: a:8x\r\n\r\n'),
  refused('9110 7.2', 'a host with a port out of range', 'GET / HTTP/1.1\r\nhost: a:70000\r\n\r\n'),
  served('9110 7.2', 'a host of IPv6', 'GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n', /\r\nhost: \[::1\]:80\r\n/),
];

const fields: ClientRule[] = [
  refused('9112 5', 'no colon', get(undefined, 'nonsense')),
  refused('9112 5', 'an empty name', get(undefined, ': x')),
  refused('9112 5.1', 'a space before the colon', `${post}transfer-encoding : chunked\r\n\r\n`),
  refused('9112 5.1', 'a tab before the colon', `${post}content-length\t: 0\r\n\r\n`),
  served('9112 5.1', 'space around a value is not part of it', get(undefined, 'x-a: \t b c \t'), /\r\nx-a:[ \t]*b c[ \t]*\r\n/),
  served('9112 5.1', 'no space before it', get(undefined, 'x-a:b'), /\r\nx-a:b\r\n/),
  served('9112 5.1', 'an empty value', get(undefined, 'x-a:'), /\r\nx-a:\r\n/),
  refused('9112 5.2', 'a folded transfer-encoding', `${post}transfer-encoding:\r\n chunked\r\n\r\n`),
  refused('9112 5.2', 'a folded field', `${post}x: a\r\n\tb\r\n\r\n`),
  refused('9110 5.1', 'a name above ASCII', get(undefined, 'h\u00f6st: a')),
  refused('9110 5.1', 'NUL in a name', get(undefined, 'x\u0000: a')),
  refused('9110 5.1', 'a parenthesis in a name', get(undefined, 'x(y): a')),
  served('9110 5.1', 'names keep their case', get(undefined, 'X-MiXed: a'), /\r\nX-MiXed: a\r\n/),
  served('9110 5.1', 'a name nobody knows goes on', get(undefined, 'x!#$%&*+.^_`|~1: a'), /\r\nx!#\$%&\*\+\.\^_`\|~1: a\r\n/),
  served(
    '9110 5.3',
    'fields of one name stay lines of their own, in their order',
    get(undefined, 'x-a: 1', 'x-b: 2', 'x-a: 3'),
    /\r\nx-a: 1\r\nx-b: 2\r\nx-a: 3\r\n/,
  ),
  refused('9110 5.4', '200 fields', get(undefined, ...Array.from({ length: 200 }, (_, i) => `x-${i}: 1`)), 431),
  refused('9110 5.4', 'fields of 64 KB', get(undefined, `x: ${'a'.repeat(65_536)}`), 431),
  refused('9110 5.5', 'NUL in a value', get(undefined, 'x: a\u0000b')),
  refused('9110 5.5', 'a control character in a value', get(undefined, 'x: \u0008')),
  refused('9110 5.5', 'DEL in a value', get(undefined, 'x: a\u007f')),
  served('9110 5.5', 'a tab in a value', get(undefined, 'x-a: b\tc'), /\r\nx-a: b\tc\r\n/),
  served('9110 5.5', 'a value above ASCII', get(undefined, 'x-a: caf\u00e9'), /\r\nx-a: caf\u00e9\r\n/),
  served(
    '9110 7.6.1',
    'what connection names stays on its hop',
    get(undefined, 'connection: x-hop, keep-alive', 'x-hop: 1', 'x-end: 2'),
    /^(?![\s\S]*x-hop)[\s\S]*\r\nx-end: 2\r\n/,
  ),
  served(
    '9110 7.6.1',
    'so do keep-alive, proxy-connection and te',
    get(undefined, 'keep-alive: 5', 'proxy-connection: x', 'te: gzip'),
    /^(?![\s\S]*(?:keep-alive|proxy-connection|\r\nte:))/i,
  ),
  refused('9110 7.6.1', 'connection that names host', get(undefined, 'connection: host')),
  refused('9110 7.6.1', 'connection that names content-length', `${post}content-length: 0\r\nconnection: close, Content-Length\r\n\r\n`),
  refused('9110 7.6.1', 'connection that names transfer-encoding', get(undefined, 'connection: transfer-encoding')),
  served(
    '9110 7.8',
    'upgrade that connection does not name is not one',
    get(undefined, 'upgrade: websocket'),
    /^GET \/ HTTP\/1.1\r\n(?![\s\S]*connection: upgrade)/i,
  ),
  refused('9110 10.1.1', 'an expectation nobody knows', `${post}expect: 200-maybe\r\n\r\n`, 417),
];

const lengths: ClientRule[] = [
  refused('9112 6.1', 'transfer-encoding twice', `${post}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`),
  refused('9112 6.1', 'chunked twice', `${post}transfer-encoding: chunked, chunked\r\n\r\n`, 501),
  refused('9112 6.1', 'identity', `${post}transfer-encoding: identity\r\n\r\n`, 501),
  refused('9112 6.1', 'a coding before chunked', `${post}transfer-encoding: gzip, chunked\r\n\r\n`, 501),
  refused('9112 6.1', 'a coding behind it', `${post}transfer-encoding: chunked, gzip\r\n\r\n`, 501),
  refused('9112 6.1', 'xchunked', `${post}transfer-encoding: xchunked\r\n\r\n`, 501),
  refused('9112 6.1', 'chunked in quotes', `${post}transfer-encoding: "chunked"\r\n\r\n`, 501),
  refused('9112 6.1', 'chunked behind a vertical tab', `${post}transfer-encoding: \u000bchunked\r\n\r\n`),
  refused('9112 6.1', 'transfer-encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'),
  served('9112 6.1', 'chunked has no case', `${post}transfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`, /\r\n1\r\na\r\n0\r\n\r\n$/),
  served('9112 6.2', 'content-length', `${post}content-length: 3\r\n\r\nabc`, /\r\ncontent-length: 3\r\n[\s\S]*\r\n\r\nabc$/),
  served('9112 6.2', 'content-length of GET', `${get(undefined, 'content-length: 3')}abc`, /^GET [\s\S]*\r\n\r\nabc$/),
  served('9112 6.3', 'a POST without a length has no body', `${post}\r\n`, /^POST \/ HTTP\/1.1\r\n[\s\S]*\r\n\r\n$/),
  refused('9112 6.3', 'content-length and chunked', `${post}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n`),
  refused('9112 6.3', 'chunked and content-length', `${post}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n`),
  refused('9112 6.3', 'two lengths that differ', `${post}content-length: 0\r\ncontent-length: 44\r\n\r\n`),
  refused('9112 6.3', 'two lengths that agree', `${post}content-length: 0\r\ncontent-length: 0\r\n\r\n`),
  refused('9112 6.3', 'a list of lengths', `${post}content-length: 0, 44\r\n\r\n`),
  refused('9110 8.6', 'a length with a plus', `${post}content-length: +0\r\n\r\n`),
  refused('9110 8.6', 'a negative length', `${post}content-length: -1\r\n\r\n`),
  refused('9110 8.6', 'a length in hexadecimal', `${post}content-length: 0x0\r\n\r\n`),
  refused('9110 8.6', 'an empty length', `${post}content-length:\r\n\r\n`),
  refused('9110 8.6', 'a length beyond all numbers', `${post}content-length: 99999999999999999999\r\n\r\n`),
  refused('9110 8.6', 'a length with a space within', `${post}content-length: 0 0\r\n\r\n`),
  served('9110 8.6', 'a length with zeros before it', `${post}content-length: 003\r\n\r\nabc`, /\r\n\r\nabc$/),
];

const chunks: ClientRule[] = [
  served('9112 7.1', 'an empty body', `${chunked}0\r\n\r\n`, /\r\n\r\n0\r\n\r\n$/),
  served('9112 7.1', 'sizes in capitals and with zeros', `${chunked}00A\r\n0123456789\r\n000\r\n\r\n`, /\r\na\r\n0123456789\r\n0\r\n\r\n$/),
  badChunks('9112 7.1', 'a size that is not a number', 'x\r\n\r\n'),
  badChunks('9112 7.1', 'no size', '\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a size with a sign', '+1\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a size with 0x', '0x1\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a space before the size', ' 1\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a space behind it', '1 \r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a size that overflows', 'ffffffffffffffff1\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'a size that ends in LF alone', '1\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'data beyond its size', '1\r\nab\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'data short of it', '3\r\nab\r\n0\r\n\r\n'),
  badChunks('9112 7.1', 'data that ends in LF alone', '1\r\na\n0\r\n\r\n'),
  served('9112 7.1.1', 'extensions are dropped', `${chunked}1;a=b;c="d e"\r\nx\r\n0;last\r\n\r\n`, /\r\n\r\n1\r\nx\r\n0\r\n\r\n$/),
  badChunks('9112 7.1.1', 'an extension without end', `1;${'a'.repeat(6000)}\r\na\r\n0\r\n\r\n`),
  badChunks('9112 7.1.1', 'a control character in an extension', '1;a\u0000\r\na\r\n0\r\n\r\n'),
  badChunks('9112 7.1.1', 'LF alone in an extension', '1;a\nb\r\na\r\n0\r\n\r\n'),
  served('9112 7.1.2', 'trailers', `${chunked}1\r\na\r\n0\r\nx-sum: 7\r\n\r\n`, /\r\n1\r\na\r\n0\r\nx-sum: 7\r\n\r\n$/),
  badChunks('9112 7.1.2', 'a folded trailer', '0\r\nx: a\r\n b\r\n\r\n'),
  badChunks('9112 7.1.2', 'a trailer with a space before its colon', '0\r\nx : a\r\n\r\n'),
  badChunks('9112 7.1.2', 'trailers without end', `0\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`),
  served(
    '9110 6.5.1',
    'trailers do not set what frames or routes',
    `${chunked}0\r\nhost: evil\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\nx-sum: 7\r\n\r\n`,
    /\r\n\r\n0\r\nx-sum: 7\r\n\r\n$/,
  ),
];

const connections: ClientRule[] = [
  served('9112 9.3', 'a connection stays', get(), /^GET /, { answer: /^(?![\s\S]*connection: close)HTTP\/1.1 200 OK\r\n/ }),
  served('9112 9.6', 'close is honoured, and said', get(undefined, 'connection: close'), /^(?![\s\S]*connection:)GET /, {
    answer: /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\nconnection: close\r\n/,
    closes: true,
  }),
  served('9112 9.6', 'Close has no case, and may be one of several', get(undefined, 'Connection: x, Close'), /^GET /, { closes: true }),
  served('9110 6.6.1', 'an answer has a date', get(), /^GET /, { answer: /\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/ }),
  {
    ...served('9110 9.3.2', 'an answer to HEAD has the length and no body', get('HEAD / HTTP/1.1'), /^HEAD /, {
      answer: /\r\ncontent-length: 9\r\n[\s\S]*\r\n\r\n$/,
    }),
    upstream: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n',
  },
  served(
    '9110 9.3.7',
    'OPTIONS with a body',
    'OPTIONS / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi',
    /^OPTIONS [\s\S]*\r\n\r\nhi$/,
  ),
];

/** What a client may send. */
export const clientRules: readonly ClientRule[] = [...startLines, ...hosts, ...fields, ...lengths, ...chunks, ...connections];

const status = (line: string, ...lines: string[]) => `${[`HTTP/1.1 ${line}`, ...lines].join('\r\n')}\r\n\r\n`;
const gives = (section: string, what: string, respond: string, answer: RegExp): UpstreamRule => ({
  section,
  what,
  respond,
  expect: { answer },
});
const wears = (section: string, what: string, respond: string, answer: RegExp): UpstreamRule => ({
  section,
  what,
  respond,
  expect: { answer, worn: true },
});
const fails = (section: string, what: string, respond: string): UpstreamRule => ({ section, what, respond, expect: { refused: true } });
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const inChunks = status('200 OK', 'transfer-encoding: chunked');
const cutInChunks = (what: string, body: string): UpstreamRule => ({
  section: '9112 7.1',
  what,
  respond: inChunks + body,
  expect: { cut: /^HTTP\/1.1 200 OK\r\n/ },
});

/** What an upstream may answer. */
export const upstreamRules: readonly UpstreamRule[] = [
  fails('9112 2.2', 'lines that end in LF alone', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'),
  fails('9112 2.3', 'HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n'),
  fails('9112 2.3', 'what is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'),
  wears('9112 9.3', 'HTTP/1.0 does not stay', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nok$/),
  gives('9112 4', 'no reason', status('200', 'content-length: 0'), /^HTTP\/1.1 200\r\n/),
  gives('9112 4', 'an empty reason', status('200 ', 'content-length: 0'), /^HTTP\/1.1 200 ?\r\n/),
  gives('9110 15', 'a status nobody knows', status('299 Odd', 'content-length: 0'), /^HTTP\/1.1 299 Odd\r\n/),
  fails('9112 4', 'a status of two digits', status('20 OK')),
  fails('9112 4', 'a status of four', status('2000 OK')),
  fails('9112 4', 'a status that is no number', status('abc')),
  fails('9112 4', 'two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n'),
  fails('9110 15', 'a status below 100', status('099 X')),
  fails('9112 5.1', 'a space before a colon', status('200 OK', 'content-length : 0')),
  fails('9112 5.2', 'a folded field', status('200 OK', 'x: a', ' b', 'content-length: 0')),
  fails('9110 5.5', 'NUL in a value', status('200 OK', 'x: a\u0000', 'content-length: 0')),
  fails('9110 5.4', 'a head without end', `HTTP/1.1 200 OK\r\nx: ${'a'.repeat(70_000)}`),
  fails('9110 5.4', '200 fields', status('200 OK', ...Array.from({ length: 200 }, (_, i) => `x-${i}: 1`), 'content-length: 0')),
  gives('9110 5.1', 'names keep their case', status('200 OK', 'X-MiXed: a', 'content-length: 0'), /\r\nX-MiXed: a\r\n/),
  gives(
    '9110 5.3',
    'set-cookie stays in its lines',
    status('200 OK', 'set-cookie: a=1', 'set-cookie: b=2', 'content-length: 0'),
    /\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n/,
  ),
  gives(
    '9110 7.6.1',
    'what connection names stays on its hop',
    status('200 OK', 'connection: x-hop', 'x-hop: 1', 'keep-alive: 5', 'content-length: 0'),
    /^(?![\s\S]*(?:x-hop|keep-alive))HTTP/,
  ),
  wears('9112 9.6', 'close is honoured', status('200 OK', 'connection: close', 'content-length: 0'), /^HTTP\/1.1 200 /),
  gives('9112 6.3', 'content-length', ok, /\r\n\r\nok$/),
  fails('9112 6.3', 'two lengths that differ', `${status('200 OK', 'content-length: 1', 'content-length: 2')}ab`),
  fails('9112 6.3', 'a list of lengths', `${status('200 OK', 'content-length: 1, 2')}ab`),
  fails('9112 6.3', 'length and chunked', `${status('200 OK', 'content-length: 5', 'transfer-encoding: chunked')}0\r\n\r\n`),
  fails('9112 6.1', 'a coding before chunked', `${status('200 OK', 'transfer-encoding: gzip, chunked')}0\r\n\r\n`),
  fails('9112 6.1', 'transfer-encoding in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  {
    section: '9112 6.3',
    what: 'neither: the body ends with the connection, and is chunked for the client',
    respond: `${status('200 OK')}all of it`,
    ends: true,
    expect: { answer: /transfer-encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/, worn: true },
  },
  {
    section: '9112 8',
    what: 'a body that is cut off',
    respond: `${status('200 OK', 'content-length: 9')}abc`,
    ends: true,
    expect: { cut: /\r\n\r\nabc$/ },
  },
  {
    section: '9112 8',
    what: 'chunks that are cut off',
    respond: `${inChunks}3\r\nabc\r\n`,
    ends: true,
    expect: { cut: /(?<!0\r\n\r\n)$/ },
  },
  gives('9112 7.1', 'chunks', `${inChunks}2;x\r\nab\r\n1\r\nc\r\n0\r\n\r\n`, /\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n$/),
  gives('9112 7.1.2', 'trailers', `${inChunks}1\r\na\r\n0\r\nx-sum: 7\r\n\r\n`, /\r\n1\r\na\r\n0\r\nx-sum: 7\r\n\r\n$/),
  cutInChunks('a chunk size that is not a number', 'x\r\n'),
  cutInChunks('a chunk size that overflows', 'ffffffffffffffff1\r\n'),
  cutInChunks('data beyond its size', '1\r\nab\r\n'),
  wears('9112 9.3.2', 'an answer that nobody asked for', `${ok}${ok.replace('ok', 'poison')}`, /\r\n\r\nok$/),
  gives(
    '9110 15.3.5',
    '204 has no body',
    status('204 No Content'),
    /^HTTP\/1.1 204 No Content\r\n(?![\s\S]*content-length)[\s\S]*\r\n\r\n$/,
  ),
  gives(
    '9110 15.4.5',
    '304 has a length and no body',
    status('304 Not Modified', 'content-length: 9'),
    /content-length: 9\r\n[\s\S]*\r\n\r\n$/,
  ),
  {
    section: '9110 9.3.2',
    what: 'an answer to HEAD in chunks has no body',
    request: get('HEAD / HTTP/1.1'),
    respond: inChunks,
    expect: { answer: /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\n$/ },
  },
  gives(
    '9110 15.2',
    '103 before the answer',
    `${status('103 Early Hints', 'link: x')}${ok}`,
    /^HTTP\/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP\/1.1 200 /,
  ),
  gives(
    '9110 15.2',
    'any number of interim answers',
    `${status('199 Odd').repeat(3)}${ok}`,
    /^(?:HTTP\/1.1 199 Odd\r\n\r\n){3}HTTP\/1.1 200 /,
  ),
  fails('9110 15.2', 'interim answers without end', status('103 Early Hints').repeat(1000)),
  fails('9110 15.2.2', '101 that nobody asked for', status('101 Switching Protocols', 'connection: upgrade', 'upgrade: websocket')),
  {
    section: '9110 7.8',
    what: '101 to another protocol than was asked for',
    request: get(undefined, 'connection: upgrade', 'upgrade: websocket'),
    respond: status('101 Switching Protocols', 'connection: upgrade', 'upgrade: foo'),
    expect: { refused: true },
  },
  {
    section: '9112 9.3',
    what: 'no answer at all',
    respond: '',
    ends: true,
    expect: { answer: /^HTTP\/1.1 503 [\s\S]*connection termination$/, worn: true },
  },
];
