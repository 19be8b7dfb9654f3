// JSON Web Tokens: every algorithm, every place, every requirement, every fault; keys given and keys fetched.
import { constants, createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { JwtAuthentication, PerRouteConfig } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import { jwtAuthnType } from '#proxy/filters/http/jwt-authn';
import { closer, cluster, forward, httpPeer, ok, Peer, route } from '../fixture.ts';
import { entry, findingsOf, get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

type Config = Parameters<typeof JwtAuthentication.fromPartial>[0];
type Provider = NonNullable<NonNullable<Config>['providers']>[string];

interface SigningKey {
  jwk: JsonWebKey & { kid: string; alg?: string };
  sign(signed: Buffer): Buffer;
}

function keyOf(algorithm: string): SigningKey {
  const bits = algorithm.slice(2);
  const hash = `sha${bits}`;
  if (algorithm.startsWith('HS')) {
    const secret = 'a secret that is long enough for the hash';
    const k = Buffer.from(secret).toString('base64url');
    return { jwk: { kty: 'oct', k, kid: algorithm }, sign: (signed) => createHmac(hash, secret).update(signed).digest() };
  }
  const pair = (): { publicKey: KeyObject; privateKey: KeyObject } => {
    if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
    if (algorithm.startsWith('ES')) return generateKeyPairSync('ec', { namedCurve: bits === '512' ? 'P-521' : `P-${bits}` });
    return generateKeyPairSync('rsa', { modulusLength: 2048 });
  };
  const { publicKey, privateKey: key } = pair();
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const signer = (signed: Buffer): Buffer => {
    if (algorithm === 'EdDSA') return sign(null, signed, key);
    if (algorithm.startsWith('ES')) return sign(hash, signed, { key, dsaEncoding: 'ieee-p1363' });
    return sign(hash, signed, algorithm.startsWith('PS') ? { key, ...pss } : key);
  };
  return { jwk: { ...publicKey.export({ format: 'jwk' }), kid: algorithm, alg: algorithm }, sign: signer };
}

const algorithms = ['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'HS256'];
const keys = new Map(algorithms.map((algorithm) => [algorithm, keyOf(algorithm)]));

async function token(claims: Record<string, unknown> = {}, algorithm = 'ES256', kid = algorithm): Promise<string> {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encoded({ alg: algorithm, kid })}.${encoded({ iss: 'me', sub: 'joe', aud: 'us', ...claims })}`;
  return `${signed}.${keys.get(algorithm)!.sign(Buffer.from(signed)).toString('base64url')}`;
}

const jwks = () => JSON.stringify({ keys: [...keys.values()].map(({ jwk }) => jwk) });
const local = () => ({ $case: 'localJwks', value: { specifier: { $case: 'inlineString', value: jwks() } } }) as const;
const everywhere = { pathSpecifier: { $case: 'prefix', value: '/' } } as const;
const named = (value: string) => ({ requiresType: { $case: 'providerName', value } }) as const;
const rule = (requires: object) => ({ match: everywhere, requirementType: { $case: 'requires', value: requires } }) as const;

function provider(changes: Provider = {}): Config {
  return {
    providers: { p: { issuer: 'me', audiences: ['us'], jwksSourceSpecifier: local(), ...changes } },
    rules: [rule(named('p'))],
  };
}

async function start(
  config: Config,
  clusters: Parameters<typeof startFiltered>[1]['clusters'] = [],
  routes?: Parameters<typeof startFiltered>[1]['routes'],
) {
  const upstream = open.add(await httpPeer(ok('served;')));
  const started = await startFiltered(open, {
    filters: [entry(jwtAuthnType, JwtAuthentication, config)],
    clusters: [cluster('a', [upstream.port]), ...clusters],
    routes: routes ?? route(forward('a')),
  });
  return { ...started, upstream };
}

const bearer = (jwt: string) => `authorization: Bearer ${jwt}`;

test.each(algorithms)('%s', async (algorithm) => {
  const { send } = await start(provider());
  expect(await send(get('/', bearer(await token({}, algorithm))))).toMatch(/^HTTP\/1.1 200 /);
  const forged = (await token({}, algorithm)).replace(
    /\.[^.]+\./,
    `.${Buffer.from('{"iss":"me","aud":"us","sub":"eve"}').toString('base64url')}.`,
  );
  expect(await send(get('/', bearer(forged)), 'Jwt verification fails')).toMatch(/^HTTP\/1.1 401 /);
});

const past = () => Math.floor(Date.now() / 1000) - 3600;
const future = () => Math.floor(Date.now() / 1000) + 3600;

test.each<[name: string, jwt: () => Promise<string>, status: number, message: string]>([
  ['another issuer', () => token({ iss: 'you' }), 401, 'Jwt issuer is not configured'],
  ['another audience', () => token({ aud: ['them'] }), 403, 'Audiences in Jwt are not allowed'],
  ['expired', () => token({ exp: past() }), 401, 'Jwt is expired'],
  ['not yet', () => token({ nbf: future() }), 401, 'Jwt not yet valid'],
  ['an unknown key', () => token({}, 'ES256', 'other'), 401, "Jwks doesn't have key to match kid or alg from Jwt"],
  ['two parts', async () => 'a.b', 401, 'Jwt is not in the form of Header.Payload.Signature'],
  ['no JSON', async () => 'a.b.c', 401, 'Jwt header is an invalid JSON'],
  ['no algorithm', async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`, 401, 'Jwt'],
])('refused: %s', async (_, jwt, status, message) => {
  const { send, upstream, proxy } = await start(provider());
  const answer = await send(get('/x?y', bearer(await jwt())), message);
  expect(answer).toContain(`HTTP/1.1 ${status} `);
  if (status === 401) expect(answer).toContain('www-authenticate: Bearer realm="http://a.test/x", error="invalid_token"\r\n');
  expect(upstream.requests).toEqual([]);
  expect((await proxy.logged(1))[0]?.details).toContain(`jwt_authn_access_denied{${message.replaceAll(' ', '_')}`);
});

describe('places', () => {
  test.each<[name: string, changes: Provider, request: (jwt: string) => string, gone: RegExp]>([
    ['the bearer header', {}, (jwt) => get('/', bearer(jwt)), /authorization/],
    ['a parameter', {}, (jwt) => get(`/p?a=1&access_token=${jwt}&b=2`), /access_token/],
    ['a header of its own', { fromHeaders: [{ name: 'X-Jwt', valuePrefix: 'JWT ' }] }, (jwt) => get('/', `x-jwt: JWT ${jwt}`), /x-jwt/],
    ['a cookie', { fromCookies: ['session'] }, (jwt) => get('/', `cookie: a=b; session=${jwt}; c=d`), /nothing/],
  ])('%s', async (_, changes, request, gone) => {
    const { send, upstream } = await start(provider(changes));
    expect(await send(request(await token()))).toMatch(/^HTTP\/1.1 200 /);
    expect(upstream.requests[0]).not.toMatch(gone);
    expect(await send(get())).toMatch(/^HTTP\/1.1 401 [\s\S]*www-authenticate: Bearer realm="http:\/\/a.test\/"\r\n/);
  });

  test('forward leaves it; payload and claims go along, and clients cannot make them up', async () => {
    const claimToHeaders = [
      { headerName: 'x-sub', claimName: 'sub' },
      { headerName: 'x-nested', claimName: 'a.b' },
      { headerName: 'x-none', claimName: 'none' },
    ];
    const { send, upstream } = await start(provider({ forward: true, forwardPayloadHeader: 'X-Payload', claimToHeaders }));
    await send(get('/', bearer(await token({ a: { b: 7 } })), 'x-payload: forged', 'x-none: forged'), 'served;');
    const [request = ''] = upstream.requests;
    expect(request).toContain('authorization: Bearer ');
    expect(request).toContain('x-sub: joe\r\n');
    expect(request).toContain('x-nested: 7\r\n');
    expect(request).not.toContain('forged');
    const payload = /x-payload: (\S+)/.exec(request)?.[1] ?? '';
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ iss: 'me', sub: 'joe' });
  });
});

describe('requirements', () => {
  const two = (requires: object): Config => ({
    providers: {
      p: { issuer: 'me', jwksSourceSpecifier: local() },
      q: { issuer: 'you', fromHeaders: [{ name: 'x-q' }], jwksSourceSpecifier: local() },
    },
    rules: [rule(requires)],
  });
  const any = (...requirements: object[]) => ({ requiresType: { $case: 'requiresAny', value: { requirements } } });
  const all = (...requirements: object[]) => ({ requiresType: { $case: 'requiresAll', value: { requirements } } });
  const allow = ($case: 'allowMissing' | 'allowMissingOrFailed') => ({ requiresType: { $case, value: {} } });

  test.each<[name: string, requires: object, p: string, q: string, passes: boolean]>([
    ['any: one is enough', any(named('p'), named('q')), '', 'good', true],
    ['any: none is not', any(named('p'), named('q')), '', '', false],
    ['all: both', all(named('p'), named('q')), 'good', 'good', true],
    ['all: one is not enough', all(named('p'), named('q')), 'good', '', false],
    ['may be missing', any(named('p'), allow('allowMissing')), '', '', true],
    ['must not be bad', any(named('p'), allow('allowMissing')), 'bad', '', false],
    ['may be bad', any(named('p'), allow('allowMissingOrFailed')), 'bad', '', true],
    ['alone: may be missing', allow('allowMissing'), '', '', true],
    ['alone: must not be bad', allow('allowMissing'), 'bad', '', false],
    ['alone: may be bad', allow('allowMissingOrFailed'), 'bad', 'bad', true],
  ])('%s', async (_, requires, p, q, passes) => {
    const { send } = await start(two(requires));
    const of = async (kind: string, iss: string) => (kind === 'good' ? token({ iss }) : kind === 'bad' ? token({ iss, exp: past() }) : '');
    const lines = [...(p ? [bearer(await of(p, 'me'))] : []), ...(q ? [`x-q: ${await of(q, 'you')}`] : [])];
    expect(await send(get('/', ...lines))).toContain(passes ? 'HTTP/1.1 200 ' : 'HTTP/1.1 401 ');
  });

  test('the first rule that matches counts; a route may ask for another, or none', async () => {
    const config: Config = {
      ...provider(),
      rules: [{ match: { pathSpecifier: { $case: 'prefix', value: '/open' } } }, rule(named('p'))],
      requirementMap: { lenient: { requiresType: { $case: 'allowMissing', value: {} } } },
    };
    const lenient = perRoute(jwtAuthnType, PerRouteConfig, { requirementSpecifier: { $case: 'requirementName', value: 'lenient' } });
    const off = perRoute(jwtAuthnType, PerRouteConfig, { requirementSpecifier: { $case: 'disabled', value: true } });
    const { send } = await start(config, [], {
      '*': route(forward('a')),
      '/lenient': route(forward('a'), { filters: lenient }),
      '/off': route(forward('a'), { filters: off }),
    });
    for (const path of ['/open/a', '/lenient', '/off']) expect(await send(get(path))).toContain('HTTP/1.1 200 ');
    expect(await send(get('/other'))).toContain('HTTP/1.1 401 ');
  });

  test('what is not configured is refused by name', () => {
    expect(findingsOf(jwtAuthnType, JwtAuthentication, { rules: [rule(named('nobody'))] })).toEqual([
      'filter.rules[0].requires: provider nobody is not configured',
    ]);
    expect(findingsOf(jwtAuthnType, JwtAuthentication, { providers: { p: {} } })[0]).toContain('needs local_jwks, or remote_jwks');
  });
});

describe('keys that are fetched', () => {
  const remote = (timeoutSeconds = 5): Config =>
    provider({
      jwksSourceSpecifier: {
        $case: 'remoteJwks',
        value: {
          httpUri: {
            uri: 'http://keys.test/jwks?x',
            httpUpstreamType: { $case: 'cluster', value: 'keys' },
            timeout: { seconds: timeoutSeconds },
          },
        },
      },
    });

  test('once, for all who wait, and kept', async () => {
    const server = open.add(await httpPeer(() => ok(jwks())));
    const { send } = await start(remote(), [cluster('keys', [server.port])]);
    const request = get('/', bearer(await token()));
    for (const answer of await Promise.all([send(request), send(request), send(request)])) expect(answer).toContain('HTTP/1.1 200 ');
    expect(await send(request)).toContain('HTTP/1.1 200 ');
    expect(server.requests.length).toBe(1);
    expect(server.requests[0]).toMatch(/^GET \/jwks\?x HTTP\/1.1\r\nhost: keys.test\r\n/);
  });

  test.each([
    { name: 'is down', answer: undefined },
    { name: 'says something else', answer: ok('{}') },
    { name: 'fails', answer: 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n' },
  ])('a server that $name: 401, and no request without a token waits for it', async ({ answer }) => {
    const server = open.add(answer === undefined ? await Peer.listen((socket) => socket.destroy()) : await httpPeer(answer));
    const { send } = await start(remote(), [cluster('keys', [server.port])]);
    expect(await send(get('/', bearer(await token())), 'Jwks remote fetch is failed')).toContain('HTTP/1.1 401 ');
    expect(await send(get(), 'Jwt is missing')).toContain('HTTP/1.1 401 ');
  });
});
