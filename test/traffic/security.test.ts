// RequestAuthentication and AuthorizationPolicy on traffic: the policies of a workload decide at its own proxy.
import { generateKeyPairSync, sign } from 'node:crypto';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { AuthorizationService, type CheckRequest, CheckResponse } from '#codec/protobuf/generated/envoy/service/auth/v3/external_auth';
import { type Outcome, runExpectation } from './case.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const town = useTrafficMesh();

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] });

function bearer(claims: object): Record<string, string> {
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encoded({ alg: 'ES256', kid: 'k' })}.${encoded(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { authorization: `Bearer ${signed}.${signature.toString('base64url')}` };
}

/** `selector` and so on, in flow style. */
const policy = (kind: string, name: string, spec: string, namespace = 'default') => `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
---`;

const sidecar = 'selector: {matchLabels: {app: sidecar}}';
const authentication = (more = '') =>
  policy('RequestAuthentication', 'jwt', `${sidecar}, jwtRules: [{issuer: me, jwks: '${jwks}'${more}}]`);
const authorization = (spec: string, name = 'rules', namespace = 'default') => policy('AuthorizationPolicy', name, spec, namespace);

/** Of `/asked`, a service of the mesh is asked. `more`: of the provider, in flow style. */
const asking = (kind: string, service: string, more: string) =>
  [
    `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: '${`{extensionProviders: [{name: asked, ${kind}: {service: ${service}.default.svc.cluster.local, port: 9080, ${more}}}]}`}'}
---`,
    authorization(`${sidecar}, action: CUSTOM, provider: {name: asked}, rules: [{to: [{operation: {paths: [/asked]}}]}]`),
  ].join('');

const url = 'http://sidecar:9080';
const passes: Outcome = { reaches: 'sidecar-v1' };
const denied: Outcome = { status: 403, body: 'RBAC: access denied' };
const call = (path: string, expect: Outcome, headers: Record<string, string> = {}, method = 'GET') => ({
  url: `${url}${path}`,
  expect,
  headers,
  method,
});

const joe = { iss: 'me', sub: 'joe', groups: ['admin', 'dev'], scope: 'read write' };

const cases = [
  {
    name: 'no token passes, a good one too, a bad one does not',
    yaml: authentication(),
    calls: [
      call('/', passes),
      call('/', { ...passes, headers: { authorization: undefined } }, bearer(joe)),
      call('/', { status: 401, body: 'Jwt issuer is not configured' }, bearer({ iss: 'you' })),
      call('/', { status: 401, body: 'Jwt is expired' }, bearer({ ...joe, exp: 1000 })),
    ],
  },
  {
    name: 'the token goes on, and what it says, in headers',
    yaml: authentication(
      ', forwardOriginalToken: true, outputPayloadToHeader: x-jwt, outputClaimToHeaders: [{header: x-sub, claim: sub}], audiences: [us]',
    ),
    calls: [
      call('/', { ...passes, headers: { 'x-sub': 'joe' } }, bearer({ ...joe, aud: 'us' })),
      call('/', { status: 403 }, bearer({ ...joe, aud: 'them' })),
    ],
  },
  {
    name: 'tokens in other places',
    yaml: authentication(', fromHeaders: [{name: x-token, prefix: "T "}], fromParams: [token]'),
    calls: [
      call('/', { status: 401 }, { 'x-token': 'T rubbish' }),
      call('/?token=rubbish', { status: 401 }),
      call('/', passes, { authorization: 'Bearer rubbish' }),
    ],
  },
  {
    name: 'a rule without keys takes no token',
    yaml: policy('RequestAuthentication', 'jwt', `${sidecar}, jwtRules: [{issuer: me}]`),
    calls: [call('/', passes), call('/', { status: 401 }, bearer(joe))],
  },
  {
    name: 'an empty policy allows nothing',
    yaml: authorization(sidecar),
    calls: [call('/', denied), { url: 'http://reviews:9080/', expect: { status: 200 } }],
  },
  {
    name: 'ALLOW by path and method; exact, prefix, suffix, templates',
    yaml: authorization(`${sidecar}, rules: [{to: [{operation: {paths: [/a, "/pre*", "*.css", "/u/{*}/x"], methods: [GET]}}]}]`),
    calls: [
      ...['/a', '/prefix', '/x/y.css', '/u/1/x', '/a?b'].map((path) => call(path, passes)),
      ...['/b', '/u/1/2/x', '/'].map((path) => call(path, denied)),
      call('/a', denied, {}, 'POST'),
    ],
  },
  {
    name: 'DENY goes before ALLOW; not*',
    yaml: [
      authorization(
        `${sidecar}, action: DENY, rules: [{to: [{operation: {notPaths: ["/public*"]}}], when: [{key: "request.headers[x-bad]", values: ["*"]}]}]`,
      ),
      authorization(`${sidecar}, rules: [{}]`, 'all'),
    ].join(''),
    calls: [call('/', passes), call('/', denied, { 'x-bad': '1' }), call('/public', passes, { 'x-bad': '1' })],
  },
  {
    name: 'AUDIT lets pass',
    yaml: authorization(`${sidecar}, action: AUDIT, rules: [{}]`),
    calls: [call('/', passes)],
  },
  {
    name: 'CUSTOM without its provider denies what it is about',
    yaml: authorization(`${sidecar}, action: CUSTOM, provider: {name: nobody}, rules: [{to: [{operation: {paths: [/asked]}}]}]`),
    calls: [call('/asked', denied), call('/other', passes)],
  },
  {
    name: 'CUSTOM asks a service; what it says of headers goes on',
    yaml: asking('envoyExtAuthzHttp', 'reviews', 'pathPrefix: /check, headersToUpstreamOnAllow: ["x-ec*"]'),
    calls: [call('/asked', { ...passes, headers: { 'x-echo': '1' } }), call('/other', { ...passes, headers: { 'x-echo': undefined } })],
  },
  {
    name: 'CUSTOM: who does not answer is an error, with the status that was wished',
    yaml: asking('envoyExtAuthzHttp', 'failing', 'statusOnError: "429"'),
    calls: [call('/asked', { status: 429 }), call('/other', passes)],
  },
  {
    name: 'CUSTOM: who does not answer may be passed over',
    yaml: asking('envoyExtAuthzHttp', 'failing', 'failOpen: true'),
    calls: [call('/asked', passes)],
  },
  {
    name: 'CUSTOM by gRPC: who does not speak it does not answer',
    yaml: asking('envoyExtAuthzGrpc', 'failing', 'timeout: 1s'),
    calls: [call('/asked', { status: 403 }), call('/other', passes)],
  },
  {
    name: 'CUSTOM asks one service: with two, what they are about is denied',
    yaml: [
      asking('envoyExtAuthzHttp', 'reviews', 'failOpen: true'),
      authorization(`${sidecar}, action: CUSTOM, provider: {name: other}, rules: [{to: [{operation: {paths: [/else]}}]}]`, 'second'),
    ].join(''),
    calls: [call('/asked', denied), call('/else', denied), call('/other', passes)],
  },
  {
    name: 'by token: principals, claims, audiences',
    yaml: [
      authentication(),
      authorization(
        `${sidecar}, rules: [` +
          '{from: [{source: {requestPrincipals: ["me/joe"]}}], to: [{operation: {paths: [/joe]}}]},' +
          '{from: [{source: {requestPrincipals: ["*"]}}], to: [{operation: {paths: [/any]}}]},' +
          '{to: [{operation: {paths: [/admin]}}], when: [{key: "request.auth.claims[groups]", values: [admin]}]},' +
          '{to: [{operation: {paths: [/write]}}], when: [{key: "request.auth.claims[scope]", values: [write]}]}]',
      ),
    ].join(''),
    calls: [
      ...['/joe', '/any', '/admin', '/write'].map((path) => call(path, passes, bearer(joe))),
      ...['/joe', '/any', '/admin', '/write'].map((path) => call(path, denied)),
      call('/joe', denied, bearer({ ...joe, sub: 'ann' })),
      call('/admin', denied, bearer({ ...joe, groups: ['dev'] })),
    ],
  },
  {
    name: 'by address, and by port',
    yaml: authorization(`${sidecar}, rules: [{from: [{source: {ipBlocks: [127.0.0.0/8]}}], to: [{operation: {ports: ["9080"]}}]}]`),
    calls: [call('/', passes)],
  },
  {
    name: 'by an address that is another’s',
    yaml: authorization(`${sidecar}, rules: [{from: [{source: {notIpBlocks: [127.0.0.0/8]}}]}]`),
    calls: [call('/', denied)],
  },
  {
    name: 'the root namespace’s policies hold everywhere, another namespace’s nowhere else',
    yaml: [
      authorization('action: DENY, rules: [{to: [{operation: {paths: [/root]}}]}]', 'root', 'istio-system'),
      authorization('action: DENY, rules: [{to: [{operation: {paths: [/other]}}]}]', 'other', 'other'),
    ].join(''),
    calls: [call('/root', denied), call('/other', passes)],
  },
];

describe('policies', () => {
  test.each(cases)('$name', async ({ yaml, calls }) => {
    const { mesh } = town;
    await mesh.apply(yaml);
    // A connection that is kept from before serves one more request as it was made, and ends: that one is spent here.
    await mesh.call({ url });
    for (const each of calls) await runExpectation(mesh, each);
  });
});

describe('CUSTOM of bare connections', () => {
  const bare = (spec: string) => authorization(`selector: {matchLabels: {app: bare}}, action: CUSTOM, provider: {name: asked}, ${spec}`);
  // A proxy takes 127.0.0.1 for its own pod's.
  const provided = (kind: string, port: number) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: '{extensionProviders: [{name: asked, ${kind}: {service: asked.example.com, port: ${port}, timeout: 5s}}]}'}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: asked, namespace: default}
spec: {hosts: [asked.example.com], ports: [{number: ${port}, name: grpc, protocol: GRPC}], resolution: STATIC, endpoints: [{address: 127.0.0.2}]}
---`;
  const call = { at: 'POD(bare-v1):9080', url: 'http://any/' };
  const passes: Outcome = { reaches: 'bare-v1' };
  const closed: Outcome = { fails: /hang up|ECONNRESET/ };

  test('a service is asked by gRPC, of what the rules are about', async () => {
    const asked: CheckRequest[] = [];
    let code = 0;
    const server = new Server();
    server.addService(AuthorizationService, {
      check: (question: ServerUnaryCall<CheckRequest, CheckResponse>, done: sendUnaryData<CheckResponse>) => {
        asked.push(question.request);
        done(null, CheckResponse.fromPartial({ status: { code } }));
      },
    });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.2:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    try {
      await town.mesh.apply(provided('envoyExtAuthzGrpc', port) + bare('rules: [{to: [{operation: {ports: ["9080"]}}]}]'));
      await runExpectation(town.mesh, { ...call, expect: passes });
      expect(asked[0]?.attributes?.destination?.address?.address).toMatchObject({
        $case: 'socketAddress',
        value: { portSpecifier: { $case: 'portValue', value: 9080 } },
      });
      code = 7;
      await runExpectation(town.mesh, { ...call, expect: closed });
      expect(asked).toHaveLength(2);
      await town.mesh.apply(bare('rules: [{to: [{operation: {ports: ["9999"]}}]}]'));
      await runExpectation(town.mesh, { ...call, expect: passes });
      expect(asked).toHaveLength(2);
    } finally {
      server.forceShutdown();
    }
  });

  test('a service that cannot be asked so: what the rules are about is denied', async () => {
    await town.mesh.apply(provided('envoyExtAuthzHttp', 9080) + bare('rules: [{to: [{operation: {ports: ["9080"]}}]}]'));
    await runExpectation(town.mesh, { ...call, expect: closed });
    await town.mesh.apply(bare('rules: [{to: [{operation: {ports: ["9999"]}}]}]'));
    await runExpectation(town.mesh, { ...call, expect: passes });
  });
});
