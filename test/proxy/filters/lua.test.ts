// Scripts in Lua: what they may do with requests and responses, and that they cannot do more.
import { generateKeyPairSync, sign } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Lua, LuaPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/lua/v3/lua';
import { luaType } from '#proxy/filters/http/lua';
import { loadLua } from '#proxy/filters/lua/library';
import { closer, cluster, endpoint, forward, httpPeer, ok, route, withoutPanic } from '../fixture.ts';
import { entry, findingsOf, get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);
beforeAll(loadLua);

const large = 'x'.repeat(2 * 1024 * 1024);

const inline = (inlineString: string) => ({ specifier: { $case: 'inlineString', value: inlineString } }) as const;

async function start(source: string, changes: Parameters<typeof Lua.fromPartial>[0] = {}, filters = {}) {
  const upstream = open.add(
    await httpPeer((request) => (request.startsWith('GET /large') ? ok(`${large};`) : ok('served;', 'x-from: upstream\r\n'))),
  );
  const service = open.add(await httpPeer((request) => ok(`asked ${request.split(' ')[1]}`, 'x-service: no\r\nx-service: yes\r\n')));
  const started = await startFiltered(open, {
    filters: [entry(luaType, Lua, { defaultSourceCode: inline(source), ...changes })],
    clusters: [cluster('a', [upstream.port]), cluster('service', [service.port])],
    routes: route(forward('a'), filters),
  });
  const errors = () => started.proxy.runtime.counters.values()['http.test.lua.errors'];
  return { ...started, upstream, service, errors };
}

const onRequest = (body: string) => `function envoy_on_request(handle)\n${body}\nend`;

describe('a request', () => {
  test('its headers', async () => {
    const { send, upstream, errors } = await start(
      onRequest(`
        local headers = handle:headers()
        headers:add('x-path', headers:get(':path') .. ' ' .. headers:get(':method'))
        headers:replace('x-old', 'new')
        headers:remove('x-secret')
        local count = 0
        for name, value in pairs(headers) do count = count + 1 end
        headers:add('x-count', count)
        headers:replace(':path', '/other')
        if headers:get('x-none') == nil then headers:add('x-none', 'none') end
      `),
    );
    await send(get('/first', 'x-old: old', 'x-secret: 42'), 'served');
    expect(upstream.requests[0]).toMatch(/^GET \/other HTTP\/1.1/);
    expect(upstream.requests[0]).toMatch(/x-path: \/first GET\r\n/);
    expect(upstream.requests[0]).toMatch(/x-old: new\r\n/i);
    expect(upstream.requests[0]).toMatch(/x-none: none\r\n/);
    expect(upstream.requests[0]).not.toMatch(/x-secret/);
    expect(errors()).toBe(0);
  });

  test('its body is waited for, read and replaced', async () => {
    const { send, upstream, errors } = await start(
      onRequest(`
        local body = handle:body()
        handle:headers():add('x-length', body:length())
        handle:headers():add('x-begin', body:getBytes(0, 5))
        body:setBytes('changed: ' .. body:getBytes(0, body:length()))
      `),
    );
    await send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'served');
    expect(upstream.requests[0]).toMatch(/x-length: 11\r\n/);
    expect(upstream.requests[0]).toMatch(/x-begin: hello\r\n/);
    expect(upstream.requests[0]).toMatch(/content-length: 20\r\n/);
    expect(upstream.requests[0]).toMatch(/changed: hello world$/);
    expect(errors()).toBe(0);
  });

  test('is answered', async () => {
    const { send, upstream, proxy } = await start(
      onRequest(
        `handle:respond({[':status'] = '403', ['x-why'] = 'because'}, 'no ' .. handle:headers():get('x-user')) error('not reached')`,
      ),
    );
    expect(await send(get('/', 'x-user: joe'), 'no joe')).toMatch(/^HTTP\/1.1 403 .*x-why: because/s);
    expect(upstream.requests).toEqual([]);
    expect((await proxy.logged(1))[0]).toMatchObject({ status: 403, details: 'lua_response' });
  });

  test('waits for what a service says', async () => {
    const { send, upstream, service, errors } = await start(
      onRequest(`
        local headers, body = handle:httpCall('service', {[':method'] = 'POST', [':path'] = '/check', [':authority'] = 's'}, 'question', 5000)
        handle:headers():add('x-status', headers[':status'])
        handle:headers():add('x-service', headers['x-service'])
        handle:headers():add('x-answer', body)
      `),
    );
    await send(get(), 'served');
    expect(service.requests[0]).toMatch(/^POST \/check HTTP\/1.1\r\nhost: s\r\n.*question$/is);
    expect(upstream.requests[0]).toMatch(/x-status: 200\r\n.*x-service: yes\r\n.*x-answer: asked \/check\r\n/s);
    expect(errors()).toBe(0);
  });

  test('a call that fails is a 503', async () => {
    const { send, upstream } = await start(
      onRequest(
        `local headers = handle:httpCall('nobody', {[':path'] = '/'}, '', 100) handle:headers():add('x-status', headers[':status'])`,
      ),
    );
    await send(get(), 'served');
    expect(upstream.requests[0]).toMatch(/x-status: 503/);
  });

  test('what is known of the stream', async () => {
    const { send, upstream, errors } = await start(
      onRequest(`
        local info = handle:streamInfo()
        info:dynamicMetadata():set('mine', 'key', "it's")
        handle:headers():add('x-info', info:protocol() .. ' ' .. info:dynamicMetadata():get('mine').key)
        handle:headers():add('x-plain', tostring(handle:connection():ssl() == nil))
        handle:headers():add('x-base64', handle:base64Escape('hello'))
        handle:logInfo('seen')
      `),
    );
    await send(get(), 'served');
    expect(upstream.requests[0]).toMatch(/x-info: HTTP\/1.1 it's\r\n.*x-plain: true\r\n.*x-base64: aGVsbG8=\r\n/s);
    expect(errors()).toBe(0);
  });
});

test('a response’s headers; globals are the script’s own', async () => {
  const { send } = await start(`
    seen = 0
    function envoy_on_response(handle)
      seen = seen + 1
      handle:headers():add('x-seen', handle:headers():get(':status') .. ' ' .. handle:headers():get('x-from') .. ' ' .. seen)
    end
  `);
  await send(get(), 'served');
  expect(await send(get(), 'served')).toMatch(/x-seen: 200 upstream 2\r\n/);
});

describe('a response', () => {
  const onResponse = (body: string) => `function envoy_on_response(handle)\n${body}\nend`;

  test('its body is waited for, read and replaced', async () => {
    const { send, errors } = await start(
      onResponse(`
        local body = handle:body()
        handle:headers():add('x-length', body:length())
        body:setBytes('<' .. body:getBytes(0, body:length()) .. '>')
      `),
    );
    const text = await send(get(), '<served;>');
    expect(text).toMatch(/x-length: 7\r\n/);
    expect(text).toMatch(/content-length: 9\r\n/i);
    expect(await send(get(), '<served;>')).toMatch(/^HTTP\/1.1 200/);
    expect(errors()).toBe(0);
  });

  test('waits for what a service says, its body behind it', async () => {
    const { send, service, errors } = await start(
      onResponse(`
        local headers, body = handle:httpCall('service', {[':path'] = '/judge', [':authority'] = 's'}, '', 5000)
        handle:headers():add('x-judged', headers[':status'] .. ' ' .. body)
      `),
    );
    expect(await send(get(), 'served;')).toMatch(/x-judged: 200 asked \/judge\r\n/);
    expect(service.requests).toHaveLength(1);
    expect(errors()).toBe(0);
  });

  test('what is known of the stream, in both directions', async () => {
    const { send, errors } = await start(`
      function envoy_on_request(handle) handle:streamInfo():dynamicMetadata():set('mine', 'path', handle:headers():get(':path')) end
      function envoy_on_response(handle)
        handle:headers():add('x-path', handle:streamInfo():dynamicMetadata():get('mine').path)
        handle:headers():add('x-plain', tostring(handle:connection():ssl() == nil))
        handle:headers():add('x-base64', handle:base64Escape('hello'))
        handle:headers():add('x-time', tostring(handle:timestamp() > 0))
        handle:logInfo('seen')
      end
    `);
    expect(await send(get('/p'), 'served;')).toMatch(/x-path: \/p\r\n.*x-plain: true\r\n.*x-base64: aGVsbG8=\r\n.*x-time: true\r\n/s);
    expect(errors()).toBe(0);
  });

  test('an answer of the proxy’s own passes here as well', async () => {
    const { send, errors } = await start(`
      function envoy_on_request(handle) handle:respond({[':status'] = '403'}, 'no') end
      function envoy_on_response(handle) local body = handle:body() body:setBytes(body:getBytes(0, body:length()) .. ' way') end
    `);
    expect(await send(get(), 'no way')).toMatch(/^HTTP\/1.1 403/);
    expect(errors()).toBe(0);
  });

  test.each([
    ['respond()', `handle:respond({[':status'] = '200'}, 'x')`],
    ['an error after a wait', `handle:body() error('late')`],
    ['a loop without an end after a wait', `handle:body() while true do end`],
    ['a status of its own', `handle:headers():replace(':status', '404')`],
  ])('%s fails the script, and the response goes down as it came', async (_, script) => {
    const { send, errors } = await start(onResponse(script));
    expect(await send(get(), 'served;')).toMatch(/^HTTP\/1.1 200/);
    expect(errors()).toBe(1);
  });

  test('a body that is too large is none of a script’s', async () => {
    const { send, errors } = await start(onResponse('handle:body():setBytes(1)'));
    expect((await send(get('/large'), `${large};`)).length).toBeGreaterThan(large.length);
    expect(errors()).toBe(1);
  });
});

describe('a script that fails lets the request pass, and is counted', () => {
  test.each([
    ['an error', `error('no')`],
    ['a loop without an end', 'while true do end'],
    ['one that catches what stops it', 'while true do pcall(function() while true do end end) end'],
    ['more memory than there is', `local s = 'x' for i = 1, 60 do s = s .. s end`],
    ['a pattern that backtracks', `('a'):rep(20000):find('.-.-.-b')`],
    ['a header of two lines', `handle:headers():add('x-a', 'b\\r\\nx-c: d')`],
    ['a body in the place of none', `handle:body(true):setBytes('x')`],
    ['a connection drained', 'handle:streamInfo():drainConnectionUponCompletion()'],
    ['another host', `handle:setUpstreamOverrideHost('a')`],
    ['files', `io.open('/etc/passwd')`],
    ['the environment', `os.getenv('HOME')`],
    ['modules', `require('os')`],
    ['the machine', 'debug.getregistry()'],
    ['threads without a bound', 'coroutine.create(print)'],
    ['compiled code', `load('\\27Lua')()`],
  ])('%s', async (_, script) => {
    const { send, upstream, errors } = await start(onRequest(script));
    await send(get(), 'served');
    expect(errors()).toBe(1);
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('what a script finds out', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const bytes = (buffer: Buffer) => `'${[...buffer].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`;
  const key = bytes(publicKey.export({ format: 'der', type: 'spki' }));
  const signature = bytes(sign('sha256', Buffer.from('data\0of bytes'), privateKey));
  const chunked = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n';

  /** The script ends with `say(...)` what it found. */
  test.each<[name: string, request: string, script: string, found: string]>([
    [
      'values of a name that comes more than once',
      get('/', 'x-a: 1', 'x-a: 2'),
      `local h = handle:headers() say(h:getNumValues('X-A'), h:getAtIndex('x-a', 1), h:getAtIndex('x-a', 2))`,
      '2 2 nil',
    ],
    ['a body piece by piece', `${chunked}\r\n`, `local n = 0 for chunk in handle:bodyChunks() do n = n + chunk:length() end say(n)`, '5'],
    [
      'no pieces of no body',
      get(),
      `for chunk in handle:bodyChunks() do error('one') end say(handle:body(), handle:body(true):length())`,
      'nil 0',
    ],
    [
      'trailers',
      `${chunked}x-sum: 42\r\n\r\n`,
      `local t = handle:trailers() local n = 0 for k, v in pairs(t) do n = n + 1 end say(t:get('X-Sum'), n)`,
      '42 1',
    ],
    ['that there are no trailers', `${chunked}\r\n`, 'say(handle:trailers())', 'nil'],
    [
      'the route’s metadata, by the filter’s name',
      get(),
      `local n = 0 for k in pairs(handle:metadata()) do n = n + 1 end say(handle:metadata():get('foo').bar, handle:metadata():get('none'), n)`,
      'baz nil 1',
    ],
    ['the same of its route', get(), `say(handle:route():metadata():get('foo').list[2])`, '2'],
    [
      'all dynamic metadata',
      get(),
      `local d = handle:streamInfo():dynamicMetadata() d:set('mine', 'a', 'b') for k, v in pairs(d) do say(k, v.a) end`,
      'mine b',
    ],
    [
      'a signature that is good',
      get(),
      `local k = handle:importPublicKey(${key}, ${publicKey.export({ format: 'der', type: 'spki' }).length}) say(handle:verifySignature('SHA256', k, ${signature}, 128, 'data\\0of bytes', 13))`,
      'true ',
    ],
    [
      'one of other data',
      get(),
      `local k = handle:importPublicKey(${key}, 1000) say(handle:verifySignature('sha256', k:get(), ${signature}, 128, 'data', 4))`,
      'false Failed to verify digest.',
    ],
    [
      'one by another hash',
      get(),
      `local k = handle:importPublicKey(${key}, 1000) say(handle:verifySignature('md5', k, ${signature}, 128, 'data', 4))`,
      'false md5 is not supported',
    ],
    ['a key that is none', get(), `say(handle:importPublicKey('x', 1))`, 'nil'],
    ['the time', get(), `say(handle:timestamp(EnvoyTimestampResolution.MICROSECOND) > 1000 * 1e12, #handle:timestampString())`, 'true 13'],
    [
      'a call’s headers, with all values',
      get(),
      `local h = handle:httpCall('service', {[':path'] = '/'}, '', 5000, {return_duplicate_headers = true}) say(h['x-service'][2], h[':status'])`,
      'yes 200',
    ],
  ])('%s', async (_, request, script, found) => {
    const metadata = { filterMetadata: { 'envoy.filters.http.lua': { foo: { bar: 'baz', list: [1, 2] } } } };
    const said =
      "local function say(...) local all = table.pack(...) for i = 1, all.n do all[i] = tostring(all[i]) end handle:headers():add('x-found', table.concat(all, ' ')) end ";
    const { send, upstream, errors } = await start(onRequest(said + script), {}, metadata);
    await send(request, 'served');
    expect(errors()).toBe(0);
    expect(/x-found: (.*)\r\n/.exec(upstream.requests[0]!)?.[1]).toBe(found);
  });

  test('trailers are changed, of the request and of the response', async () => {
    const chunks = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n';
    const upstream = open.add(await httpPeer(() => chunks));
    const change = `local t = handle:trailers() t:add('x-c', t:get('x-a') .. 'c') t:replace('x-a', '3') t:remove('x-b')`;
    const { send } = await startFiltered(open, {
      filters: [
        entry(luaType, Lua, { defaultSourceCode: inline(`${onRequest(change)}\nfunction envoy_on_response(handle) ${change} end`) }),
      ],
      clusters: [cluster('a', [upstream.port])],
      routes: route(forward('a')),
    });
    const answer = await send(`${chunked}x-a: 1\r\nx-b: 2\r\n\r\n`, '0\r\nx-c: 1c\r\nx-a: 3\r\n\r\n');
    expect(answer).not.toContain('x-b');
    expect(upstream.requests[0]).toMatch(/0\r\nx-c: 1c\r\nx-a: 3\r\n\r\n$/);
  });
});

describe('which script a route has', () => {
  const source = onRequest(`handle:headers():add('x-script', 'own')`);
  const named = { sourceCodes: { other: inline(onRequest(`handle:headers():add('x-script', 'named')`)) } };
  test.each<[string, Parameters<typeof LuaPerRoute.fromPartial>[0] | undefined, string | undefined]>([
    ['the filter’s', undefined, 'own'],
    ['one by name', { override: { $case: 'name', value: 'other' } }, 'named'],
    ['its own', { override: { $case: 'sourceCode', value: inline(onRequest(`handle:headers():add('x-script', 'route')`)) } }, 'route'],
    ['none', { override: { $case: 'disabled', value: true } }, undefined],
  ])('%s', async (_, override, expected) => {
    const filters = override === undefined ? {} : { filters: perRoute(luaType, LuaPerRoute, override) };
    const { send, upstream } = await start(source, named, filters);
    await send(get(), 'served');
    expect(/x-script: (\w+)/.exec(upstream.requests[0]!)?.[1]).toBe(expected);
  });
});

test.each<[string, Parameters<typeof Lua.fromPartial>[0], string]>([
  ['syntax', { defaultSourceCode: inline('function (') }, 'script:1:'],
  ['syntax of a named one', { sourceCodes: { a: inline('if') } }, 'filter.source_codes.a: script:1:'],
  ['a file', { defaultSourceCode: { specifier: { $case: 'filename', value: '/tmp/x.lua' } } }, 'filename is not supported'],
  ['two of them', { inlineCode: 'x = 1', defaultSourceCode: inline('x = 1') }, 'both'],
])('%s is refused with its reason', (_, config, reason) => {
  expect(findingsOf(luaType, Lua, config)).toEqual([expect.stringContaining(reason)]);
});

describe('the endpoint', () => {
  /** Two endpoints, of which balancing takes the second first. */
  async function two(script: string, sick: 'unhealthy' | 'healthy' = 'healthy') {
    const [first, second] = [open.add(await httpPeer(ok('first;'))), open.add(await httpPeer(ok('second;')))];
    const endpoints = [endpoint(second.port), endpoint(first.port, { health: sick })];
    const started = await startFiltered(open, {
      filters: [entry(luaType, Lua, { defaultSourceCode: inline(onRequest(script.replace('PORT', String(first.port)))) })],
      clusters: [cluster('a', [], { endpoints, priorities: withoutPanic })],
      routes: route(forward('a')),
    });
    return { ...started, errors: () => started.proxy.runtime.counters.values()['http.test.lua.errors'] };
  }

  test('is chosen by a script', async () => {
    const { send, errors } = await two(`handle:streamInfo() handle:setUpstreamOverrideHost('127.0.0.1:PORT')`);
    for (let i = 0; i < 3; i++) expect(await send(get(), ';')).toMatch(/first;$/);
    expect(errors()).toBe(0);
  });

  test.each([
    ['another, where it cannot serve', `'127.0.0.1:PORT'`, /second;$/],
    ['none, where it alone may', `'127.0.0.1:PORT', true`, /^HTTP\/1.1 503 /],
    ['none, where that is nobody', `'127.0.0.2:1', true`, /^HTTP\/1.1 503 /],
  ])('is %s', async (_what, args, expected) => {
    const { send } = await two(`handle:setUpstreamOverrideHost(${args})`, 'unhealthy');
    expect(await send(get(), /;$|upstream$/)).toMatch(expected);
  });

  test('a name is none', async () => {
    const { send, errors } = await two(`handle:setUpstreamOverrideHost('localhost:80')`);
    await send(get(), ';');
    expect(errors()).toBe(1);
  });
});

test('there is no state of filters', async () => {
  const { send, upstream, errors } = await start(
    onRequest(`
      local info = handle:streamInfo()
      local none = info:filterState():get('some') == nil and info:dynamicTypedMetadata('some') == nil
      handle:headers():add('x-none', tostring(none))
    `),
  );
  await send(get(), 'served');
  expect(upstream.requests[0]).toMatch(/x-none: true\r\n/);
  expect(errors()).toBe(0);
});
