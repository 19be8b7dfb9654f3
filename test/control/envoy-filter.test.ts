// What EnvoyFilters make of resources: every place, every operation, every condition, and the order of several.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { serviceYaml, snapshotOf, testProxy } from './fixture.ts';

const json = new CanonicalJson(readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));

const services = serviceYaml('reviews', { pods: { '10.1.0.1': 'v1' } });
const server = 'sidecar~10.1.0.1~reviews-10-1-0-1.default~default.svc.cluster.local';
const metadata = { INTERCEPTION_MODE: 'NONE', ISTIO_VERSION: '1.27.0', HTTP_PROXY_PORT: '15001', NODE_NAME: 'n' };

interface Filter {
  name?: string;
  namespace?: string;
  priority?: number;
  selector?: Record<string, string>;
  patches: { applyTo: string; match?: object; operation: string; value?: object }[];
}

function yamlOf({ name = 'patch', namespace = 'default', priority, selector, patches }: Filter): string {
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name, namespace },
    spec: {
      ...(priority !== undefined && { priority }),
      ...(selector && { workloadSelector: { labels: selector } }),
      configPatches: patches.map(({ applyTo, match, operation, value }) => ({
        applyTo,
        ...(match && { match }),
        patch: { operation, value },
      })),
    },
  });
}

function translated(filters: readonly Filter[], type: TypeUrl, names?: readonly string[]) {
  const translator = new Translator(new ResourceCache());
  translator.usePatches(json);
  const snapshot = snapshotOf([services, ...filters.map(yamlOf)].join('\n---\n'));
  const view = new ViewFactory(snapshot).view(testProxy(server, metadata));
  return translator.translate(view, type, { wildcard: names === undefined, names: new Set(names) });
}

/** Canonical JSON of a resource; undefined: it is not there. */
// biome-ignore lint/suspicious/noExplicitAny: JSON, of which each test looks at another part
function resource(filters: readonly Filter[], type: TypeUrl, name: string): any {
  const found = translated(filters, type, type === typeUrl.route ? [name] : undefined).get(name);
  return found && json.print(found.body.typeUrl, found.body.value);
}

const inbound = 'inbound_0.0.0.0_9080';
const outbound = 'outbound|9080||reviews.default.svc.cluster.local';
const any = (type: string, fields: object = {}) => ({ '@type': `type.googleapis.com/${type}`, ...fields });
const buffer = { name: 'buffer', typed_config: any('envoy.extensions.filters.http.buffer.v3.Buffer', { max_request_bytes: 5 }) };
const manager = 'envoy.filters.network.http_connection_manager';
const chains = (listener: { filter_chains: { filters: { name: string; typed_config: { http_filters: { name: string }[] } }[] }[] }) =>
  listener.filter_chains[0]!;

function httpFilters(...filters: Filter[]): string[] {
  const { filters: network } = chains(resource(filters, typeUrl.listener, inbound));
  return network[0]!.typed_config.http_filters.map(({ name }) => name.replace('envoy.filters.http.', ''));
}

const at = (filter?: string) => ({
  context: 'SIDECAR_INBOUND',
  listener: { filterChain: { filter: { name: manager, ...(filter && { subFilter: { name: filter } }) } } },
});
const one = (operation: string, match: object | undefined, value: object | undefined = buffer, applyTo = 'HTTP_FILTER'): Filter => ({
  patches: [{ applyTo, operation, ...(match && { match }), ...(value && { value }) }],
});

describe('HTTP_FILTER', () => {
  const plain = httpFilters();

  test.each<[operation: string, anchor: string | undefined, expected: string[]]>([
    ['ADD', undefined, plain.toSpliced(-1, 0, 'buffer')],
    ['INSERT_FIRST', undefined, ['buffer', ...plain]],
    ['INSERT_BEFORE', 'envoy.filters.http.router', plain.toSpliced(-1, 0, 'buffer')],
    ['INSERT_AFTER', 'envoy.filters.http.fault', plain.toSpliced(plain.indexOf('fault') + 1, 0, 'buffer')],
    ['INSERT_BEFORE', 'nothing', plain],
    ['REPLACE', 'envoy.filters.http.fault', plain.with(plain.indexOf('fault'), 'buffer')],
    ['REMOVE', 'envoy.filters.http.fault', plain.toSpliced(plain.indexOf('fault'), 1)],
  ])('%s at %s', (operation, anchor, expected) => {
    expect(httpFilters(one(operation, at(anchor)))).toEqual(expected);
  });

  test('MERGE goes into what an Any carries', () => {
    const value = { typed_config: any('envoy.extensions.filters.http.fault.v3.HTTPFault', { max_active_faults: 3 }) };
    const [filter] = chains(resource([one('MERGE', at('envoy.filters.http.fault'), value)], typeUrl.listener, inbound)).filters;
    const fault = filter!.typed_config.http_filters.find(({ name }) => name === 'envoy.filters.http.fault');
    expect(fault).toMatchObject({ typed_config: { '@type': expect.stringContaining('HTTPFault'), max_active_faults: 3 } });
  });

  test.each<[name: string, filter: Filter, applies: boolean]>([
    ['any context', one('ADD', { listener: at().listener }), true],
    ['another context', one('ADD', { ...at(), context: 'SIDECAR_OUTBOUND' }), false],
    ['a gateway', one('ADD', { ...at(), context: 'GATEWAY' }), false],
    ['this port', one('ADD', { ...at(), listener: { ...at().listener, portNumber: 9080 } }), true],
    ['another port', one('ADD', { ...at(), listener: { ...at().listener, portNumber: 9081 } }), false],
    ['this listener', one('ADD', { listener: { name: inbound } }), true],
    ['this version', one('ADD', { ...at(), proxy: { proxyVersion: '^1\\.27.*' } }), true],
    ['another version', one('ADD', { ...at(), proxy: { proxyVersion: '^1\\.2[0-6].*' } }), false],
    ['this metadata', one('ADD', { ...at(), proxy: { metadata: { NODE_NAME: 'n' } } }), true],
    ['other metadata', one('ADD', { ...at(), proxy: { metadata: { NODE_NAME: 'm' } } }), false],
    ['these labels', { ...one('ADD', at()), selector: { app: 'reviews' } }, true],
    ['other labels', { ...one('ADD', at()), selector: { app: 'ratings' } }, false],
    ['the root namespace', { ...one('ADD', at()), namespace: 'istio-system' }, true],
    ['another namespace', { ...one('ADD', at()), namespace: 'other' }, false],
    ['a value that is none', one('ADD', at(), { name: 7 }), false],
  ])('for %s', (_, filter, applies) => {
    expect(httpFilters(filter).includes('buffer')).toBe(applies);
  });

  test('the root namespace first, then by priority', () => {
    const named = (name: string, more: Partial<Filter>): Filter => ({ ...one('INSERT_FIRST', at(), { ...buffer, name }), name, ...more });
    const filters = [
      named('late', { priority: 5 }),
      named('root', { namespace: 'istio-system', priority: 9 }),
      named('early', { priority: -5 }),
    ];
    expect(httpFilters(...filters).slice(0, 3)).toEqual(['late', 'early', 'root']);
  });
});

test('NETWORK_FILTER', () => {
  const rbac = { name: 'rbac', typed_config: any('envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'x' }) };
  const listener = resource([one('INSERT_BEFORE', at(), rbac, 'NETWORK_FILTER')], typeUrl.listener, inbound);
  expect(chains(listener).filters.map(({ name }) => name)).toEqual(['rbac', manager]);
  const merged = resource(
    [one('MERGE', at(), { typed_config: any(`${managerMessage}`, { server_name: 'mine' }) }, 'NETWORK_FILTER')],
    typeUrl.listener,
    inbound,
  );
  expect(chains(merged).filters[0]).toMatchObject({ typed_config: { server_name: 'mine', stat_prefix: expect.stringContaining('9080') } });
});

const managerMessage = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

test.each([
  ['MERGE', ['websocket', 'mine']],
  ['MERGE_AND_REPLACE_LIST', ['mine']],
])('%s of a message with a list', (operation, upgrades) => {
  const value = { typed_config: any(`${managerMessage}`, { upgrade_configs: [{ upgrade_type: 'mine' }] }) };
  const [filter] = chains(resource([one(operation, at(), value, 'NETWORK_FILTER')], typeUrl.listener, inbound)).filters;
  const config = filter!.typed_config as unknown as { upgrade_configs: { upgrade_type: string }[]; http_filters: object[] };
  expect(config.upgrade_configs.map((each) => each.upgrade_type)).toEqual(upgrades);
  expect(config.http_filters).not.toEqual([]);
});

test('FILTER_CHAIN and LISTENER', () => {
  const context = { context: 'SIDECAR_INBOUND' };
  const filters = [
    one(
      'MERGE',
      { ...context, listener: { filterChain: { name: '0.0.0.0_9080' } } },
      { transport_socket_connect_timeout: '7s' },
      'FILTER_CHAIN',
    ),
    { ...one('MERGE', context, { per_connection_buffer_limit_bytes: 1024 }, 'LISTENER'), name: 'second' },
  ];
  expect(resource(filters, typeUrl.listener, inbound)).toMatchObject({
    per_connection_buffer_limit_bytes: 1024,
    filter_chains: [{ transport_socket_connect_timeout: '7s' }],
  });
  expect(
    resource([one('REMOVE', { ...context, listener: { portNumber: 9080 } }, undefined, 'LISTENER')], typeUrl.listener, inbound),
  ).toBeUndefined();
  const added = { name: 'mine', address: { socket_address: { address: '127.0.0.1', port_value: 1 } } };
  expect(resource([one('ADD', undefined, added, 'LISTENER')], typeUrl.listener, 'mine')).toMatchObject(added);
});

describe('routes', () => {
  const host = 'reviews.default.svc.cluster.local:9080';
  const context = { context: 'SIDECAR_OUTBOUND' };
  const vhost = (more: object = {}) => ({ ...context, routeConfiguration: { vhost: { name: host, ...more } } });
  const routes = (...filters: Filter[]) => resource(filters, typeUrl.route, '9080');

  test('ROUTE_CONFIGURATION', () => {
    expect(routes(one('MERGE', context, { max_direct_response_body_size_bytes: 9 }, 'ROUTE_CONFIGURATION'))).toMatchObject({
      max_direct_response_body_size_bytes: 9,
    });
    const other = { ...context, routeConfiguration: { name: '80' } };
    expect(routes(one('MERGE', other, { max_direct_response_body_size_bytes: 9 }, 'ROUTE_CONFIGURATION'))).toEqual(routes());
  });

  test('VIRTUAL_HOST', () => {
    const patched = routes(one('MERGE', vhost(), { request_headers_to_remove: ['x'] }, 'VIRTUAL_HOST'));
    const found = patched.virtual_hosts.filter((each: { request_headers_to_remove?: string[] }) => each.request_headers_to_remove);
    expect(found).toMatchObject([{ name: host, request_headers_to_remove: ['x'] }]);
    const added = { name: 'added', domains: ['added.test'] };
    expect(routes(one('ADD', context, added, 'VIRTUAL_HOST')).virtual_hosts.at(-1)).toMatchObject(added);
    expect(routes(one('REMOVE', vhost(), undefined, 'VIRTUAL_HOST')).virtual_hosts).not.toContainEqual(
      expect.objectContaining({ name: host }),
    );
  });

  test('HTTP_ROUTE', () => {
    const merged = routes(one('MERGE', vhost({ route: { action: 'ROUTE' } }), { route: { timeout: '9s' } }, 'HTTP_ROUTE'));
    const of = (config: { virtual_hosts: { name: string; routes: object[] }[] }) =>
      config.virtual_hosts.find(({ name }) => name === host)!.routes;
    // A duration is replaced, not added up.
    expect(of(merged)).toMatchObject([{ name: 'default', route: { timeout: '9s', cluster: outbound } }]);
    const first = { name: 'first', match: { path: '/x' }, direct_response: { status: 204 } };
    expect(of(routes(one('INSERT_FIRST', vhost(), first, 'HTTP_ROUTE')))).toMatchObject([first, { name: 'default' }]);
    expect(of(routes(one('REMOVE', vhost({ route: { name: 'default' } }), undefined, 'HTTP_ROUTE')))).toBeUndefined();
  });

  test('those inside of an inbound listener', () => {
    const filter = one('MERGE', { context: 'SIDECAR_INBOUND' }, { request_headers_to_remove: ['x'] }, 'VIRTUAL_HOST');
    expect(JSON.stringify(resource([filter], typeUrl.listener, inbound))).toContain('"request_headers_to_remove":["x"]');
  });
});

describe('CLUSTER', () => {
  test.each<[name: string, match: object, applies: boolean]>([
    ['by name', { cluster: { name: outbound } }, true],
    ['by service and port', { cluster: { service: 'reviews.default.svc.cluster.local', portNumber: 9080 } }, true],
    ['another port', { cluster: { portNumber: 1 } }, false],
    ['another subset', { cluster: { subset: 'v1' } }, false],
    ['another context', { context: 'SIDECAR_INBOUND' }, false],
  ])('%s', (_, match, applies) => {
    const cluster = resource([one('MERGE', match, { connect_timeout: '0.3s' }, 'CLUSTER')], typeUrl.cluster, outbound);
    expect(cluster.connect_timeout).toBe(applies ? '0.300s' : '10s');
  });

  test('added and removed', () => {
    const added = { name: 'mine', type: 'STATIC', connect_timeout: '1s' };
    expect(resource([one('ADD', { context: 'SIDECAR_OUTBOUND' }, added, 'CLUSTER')], typeUrl.cluster, 'mine')).toMatchObject({
      connect_timeout: '1s',
    });
    expect(resource([one('ADD', { context: 'GATEWAY' }, added, 'CLUSTER')], typeUrl.cluster, 'mine')).toBeUndefined();
    expect(resource([one('REMOVE', { cluster: { name: outbound } }, undefined, 'CLUSTER')], typeUrl.cluster, outbound)).toBeUndefined();
  });
});

test('what no patch is about keeps its bytes', () => {
  const filter = one('MERGE', { cluster: { name: outbound } }, { connect_timeout: '3s' }, 'CLUSTER');
  const [before, after] = [translated([], typeUrl.cluster), translated([filter], typeUrl.cluster)];
  for (const [name, { version }] of before) expect(after.get(name)?.version === version, name).toBe(name !== outbound);
});
