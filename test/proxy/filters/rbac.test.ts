// Who may do what: every kind of permission and principal, for requests and for connections.
import { afterEach, expect, test } from 'vitest';
import { RBAC_Action as Action, type Permission, type Principal, RBAC as Rules } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import { RBAC, RBACPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/rbac/v3/rbac';
import { RBAC as NetworkRBAC } from '#codec/protobuf/generated/envoy/extensions/filters/network/rbac/v3/rbac';
import { Findings } from '#proxy/config/findings';
import { rbacType } from '#proxy/filters/http/rbac';
import { decodeNetworkRbac } from '#proxy/filters/network/rbac';
import { decodeRbac } from '#proxy/filters/rbac/engine';
import type { Subject } from '#proxy/filters/rbac/subject';
import { Client, closer, cluster, forward, httpPeer, ok, route, TestProxy, tcpListener } from '../fixture.ts';
import { entry, get, perRoute, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

type Loose<T> = T extends { $case: infer C; value: infer V }
  ? { $case: C; value: unknown extends V ? V : object | string | number | boolean }
  : never;
type Rule = Loose<NonNullable<Permission['rule']>>;
type Identifier = Loose<NonNullable<Principal['identifier']>>;

const anybody: Identifier = { $case: 'any', value: true };
const anything: Rule = { $case: 'any', value: true };
const string = ($case: 'exact' | 'prefix' | 'suffix', value: string) => ({ matchPattern: { $case, value } });

const subject: Subject = {
  connection: {
    id: 1,
    filterChain: '',
    remoteAddress: '10.0.0.7',
    remotePort: 1,
    localAddress: '10.1.0.1',
    localPort: 8080,
    originalDestination: undefined,
    serverName: 'sni.test',
    tls: {
      serverName: 'sni.test',
      version: 'TLSv1.3',
      cipher: '',
      peer: {
        subject: 'CN=a',
        uriNames: ['spiffe://td/ns/foo/sa/bar'],
        dnsNames: ['dns.test'],
        hash: '',
        issuer: '',
        serial: '',
        validFromMs: 0,
        validToMs: 0,
      },
    },
  },
  clientAddress: '192.0.2.9',
  request: {
    method: 'GET',
    path: '/info?x=1',
    authority: 'host.test',
    scheme: 'http',
    header: (name) => (name === 'x-a' ? '1' : undefined),
  },
  metadataOf: (filter) => (filter === 'jwt' ? { payload: { iss: 'me', groups: ['a', 'b'], n: 3 } } : undefined),
};

function decide(rules: { permission?: Rule; principal?: Identifier; action?: Action }, who: Subject = subject) {
  const findings = new Findings();
  const { permission = anything, principal = anybody, action = Action.ALLOW } = rules;
  const value = { action, policies: { p: { permissions: [{ rule: permission }], principals: [{ identifier: principal }] } } };
  const engine = decodeRbac(Rules.fromPartial(value as Parameters<typeof Rules.fromPartial>[0]), 'rules', findings);
  return { verdict: engine!.decide(who), findings: findings.list };
}

const metadata = (path: string[], value: object) => ({
  filter: 'jwt',
  path: path.map((key) => ({ segment: { $case: 'key', value: key } })),
  value,
});
const cidr = (addressPrefix: string, prefixLen: number) => ({ addressPrefix, prefixLen });

test.each<[name: string, rule: Rule, allowed: boolean]>([
  ['any', anything, true],
  [
    'header',
    { $case: 'header', value: { name: 'x-a', headerMatchSpecifier: { $case: 'stringMatch', value: string('exact', '1') } } },
    true,
  ],
  [
    'method',
    { $case: 'header', value: { name: ':method', headerMatchSpecifier: { $case: 'stringMatch', value: string('exact', 'POST') } } },
    false,
  ],
  ['path without its query', { $case: 'urlPath', value: { rule: { $case: 'path', value: string('exact', '/info') } } }, true],
  ['destination address', { $case: 'destinationIp', value: cidr('10.1.0.0', 16) }, true],
  ['another destination', { $case: 'destinationIp', value: cidr('10.2.0.0', 16) }, false],
  ['destination port', { $case: 'destinationPort', value: 8080 }, true],
  ['another port', { $case: 'destinationPort', value: 8081 }, false],
  ['a range of ports', { $case: 'destinationPortRange', value: { start: 8000, end: 8080 } }, false],
  ['not', { $case: 'notRule', value: { rule: { $case: 'destinationPort', value: 8081 } } }, true],
  ['server name', { $case: 'requestedServerName', value: string('suffix', '.test') }, true],
  [
    'metadata',
    { $case: 'metadata', value: metadata(['payload', 'iss'], { matchPattern: { $case: 'stringMatch', value: string('exact', 'me') } }) },
    true,
  ],
  [
    'metadata in a list',
    {
      $case: 'metadata',
      value: metadata(['payload', 'groups'], {
        matchPattern: {
          $case: 'listMatch',
          value: { matchPattern: { $case: 'oneOf', value: { matchPattern: { $case: 'stringMatch', value: string('exact', 'b') } } } },
        },
      }),
    },
    true,
  ],
  [
    'metadata that is not there',
    { $case: 'metadata', value: metadata(['nothing'], { matchPattern: { $case: 'presentMatch', value: true } }) },
    false,
  ],
  ['all', { $case: 'andRules', value: { rules: [{ rule: anything }, { rule: { $case: 'destinationPort', value: 1 } }] } }, false],
  ['some', { $case: 'orRules', value: { rules: [{ rule: anything }, { rule: { $case: 'destinationPort', value: 1 } }] } }, true],
])('permission: %s', (_, permission, allowed) => {
  expect(decide({ permission })).toMatchObject({ verdict: { allowed }, findings: [] });
  expect(decide({ permission, action: Action.DENY }).verdict.allowed).toBe(!allowed);
});

test.each<[name: string, identifier: Identifier, allowed: boolean]>([
  ['anybody with a certificate', { $case: 'authenticated', value: {} }, true],
  ['a name', { $case: 'authenticated', value: { principalName: string('suffix', '/ns/foo/sa/bar') } }, true],
  ['a DNS name counts only without a URI', { $case: 'authenticated', value: { principalName: string('exact', 'dns.test') } }, false],
  ['the peer', { $case: 'directRemoteIp', value: cidr('10.0.0.0', 24) }, true],
  ['the client behind proxies', { $case: 'remoteIp', value: cidr('192.0.2.0', 24) }, true],
  ['the peer is not the client', { $case: 'remoteIp', value: cidr('10.0.0.0', 24) }, false],
  ['not', { $case: 'notId', value: { identifier: anybody } }, false],
  ['all', { $case: 'andIds', value: { ids: [{ identifier: anybody }, { identifier: { $case: 'any', value: false } }] } }, false],
  ['some', { $case: 'orIds', value: { ids: [{ identifier: anybody }, { identifier: { $case: 'any', value: false } }] } }, true],
])('principal: %s', (_, principal, allowed) => {
  expect(decide({ principal })).toMatchObject({ verdict: { allowed }, findings: [] });
});

test('what asks for a request never holds for a bare connection', () => {
  const permission: Rule = { $case: 'urlPath', value: { rule: { $case: 'path', value: string('prefix', '/') } } };
  expect(decide({ permission }, { ...subject, request: undefined }).verdict.allowed).toBe(false);
});

test('what is not known is refused by name', () => {
  const principal = { $case: 'filterState', value: {} } as unknown as Identifier;
  expect(decide({ principal }).findings).toEqual(['rules.policies[p].principals[0]: principal filterState is not supported']);
});

const policies = (rule: Rule) => ({ p: { permissions: [{ rule }], principals: [{ identifier: anybody }] } });
const rulesFor = (path: string, action: Action) => ({
  action,
  policies: policies({ $case: 'urlPath', value: { rule: { $case: 'path', value: string('exact', path) } } }),
});
type Config = Parameters<typeof RBAC.fromPartial>[0];

test.each([
  { name: 'allowed', config: { rules: rulesFor('/a', Action.ALLOW) }, path: '/a', status: 200, details: 'via_upstream' },
  {
    name: 'not allowed',
    config: { rules: rulesFor('/a', Action.ALLOW) },
    path: '/b',
    status: 403,
    details: 'rbac_access_denied_matched_policy[none]',
  },
  {
    name: 'denied',
    config: { rules: rulesFor('/a', Action.DENY) },
    path: '/a',
    status: 403,
    details: 'rbac_access_denied_matched_policy[p]',
  },
  { name: 'in shadow alone', config: { shadowRules: rulesFor('/a', Action.DENY) }, path: '/a', status: 200, details: 'via_upstream' },
])('a request that is $name', async ({ config, path, status, details }) => {
  const upstream = open.add(await httpPeer(ok()));
  const { send, proxy } = await startFiltered(open, {
    filters: [entry(rbacType, RBAC, config as Config)],
    clusters: [cluster('a', [upstream.port])],
    routes: route(forward('a')),
  });
  expect(await send(get(path))).toContain(`HTTP/1.1 ${status} `);
  expect(await proxy.logged(1)).toMatchObject([{ status, details }]);
  const counter = 'shadowRules' in config ? 'shadow_denied' : status === 200 ? 'allowed' : 'denied';
  expect(proxy.runtime.counters.get(`http.test.rbac.${counter}`).value).toBe(1);
});

test('a route, and a weighted cluster before it, stand in for the filter', async () => {
  const upstream = open.add(await httpPeer(ok()));
  const lenient = perRoute(rbacType, RBACPerRoute, { rbac: {} });
  const weighted = forward('a');
  const { send } = await startFiltered(open, {
    filters: [entry(rbacType, RBAC, { rules: rulesFor('/none', Action.ALLOW) } as Config)],
    clusters: [cluster('a', [upstream.port])],
    routes: {
      '/strict': route(forward('a')),
      '/lenient': route(forward('a'), { filters: lenient }),
      '/off': route(forward('a'), {
        filters: new Map([['filter', { type: {}, config: undefined, disabled: true }]]),
        disabledFilters: new Set(['filter']),
      }),
      '/weighted': route({ ...weighted, clusterFilters: true, clusters: weighted.clusters.map((each) => ({ ...each, filters: lenient })) }),
    },
  });
  expect(await send(get('/strict'))).toContain('HTTP/1.1 403 ');
  for (const path of ['/lenient', '/off', '/weighted']) expect(await send(get(path))).toContain('HTTP/1.1 200 ');
});

test.each([
  { name: 'passes', port: 0, served: true },
  { name: 'is closed', port: 1, served: false },
])('a connection $name', async ({ port: denied, served }) => {
  const upstream = open.add(await httpPeer(ok()));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const rule: Rule = { $case: 'destinationPortRange', value: { start: denied, end: denied * 65_536 } };
  const bytes = NetworkRBAC.encode(
    NetworkRBAC.fromPartial({ statPrefix: 'tcp.', rules: { action: Action.DENY, policies: policies(rule) } } as Parameters<
      typeof NetworkRBAC.fromPartial
    >[0]),
  ).finish();
  const config = tcpListener({ clusters: [{ name: 'a', weight: 1 }] });
  const gates = [decodeNetworkRbac('rbac', bytes, '', new Findings())];
  const listening = await proxy.listen({ ...config, filterChains: config.filterChains.map((chain) => ({ ...chain, gates })) });
  const client = open.add(await Client.connect(listening)).write(get());
  if (served) await client.until('ok');
  else expect(await client.closed()).toBe('');
  expect(proxy.runtime.counters.get(`tcp.rbac.${served ? 'allowed' : 'denied'}`).value).toBe(1);
});
