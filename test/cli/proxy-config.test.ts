// `proxy-config` of an Envoy's config dump in a file: a table for each kind of configuration, and what filters leave of it.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import { choosePod } from '#cli/pod-argument';
import { ManualClock } from '#foundation/clock';
import { runCli } from './run-cli.ts';

const dump = fileURLToPath(new URL('fixtures/envoy-dump.json', import.meta.url));

const lateen = (args: readonly string[], { stdin = '', now = Date.UTC(2027, 0, 1) } = {}) =>
  runCli([...args], { clock: new ManualClock(now), readStdin: async () => stdin });

/** A table with `|` between its cells; cells have no three spaces. */
async function rows(...args: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await lateen(['proxy-config', ...args, '--file', dump]);
  expect([stderr, code]).toEqual(['', 0]);
  const [titles = '', ...lines] = stdout.trimEnd().split('\n');
  const starts = [...titles.matchAll(/\S+( \S+)*/g)].map(({ index }) => index);
  return [titles, ...lines].map((line) => starts.map((start, i) => line.slice(start, starts[i + 1]).trim()).join('|'));
}

const tables: readonly (readonly [args: readonly string[], rows: readonly string[]])[] = [
  [
    ['cluster'],
    [
      'SERVICE FQDN|PORT|SUBSET|DIRECTION|TYPE|DESTINATION RULE',
      '|8080|-|inbound|STATIC|',
      'aggregate|-|-|-|envoy.clusters.aggregate|',
      'cart.store.svc.cluster.local|443|-|outbound|EDS|',
      'cart.store.svc.cluster.local|8080|blue|outbound|EDS|cart.store',
      'pay.store.svc.cluster.local|80|-|outbound|STRICT_DNS|',
      'prometheus_stats|-|-|-|STATIC|',
      'slow.store.svc.cluster.local|81|-|outbound|EDS|',
    ],
  ],
  [
    ['c', '--fqdn', 'cart', '--port', '8080'],
    ['SERVICE FQDN|PORT|SUBSET|DIRECTION|TYPE|DESTINATION RULE', 'cart.store.svc.cluster.local|8080|blue|outbound|EDS|cart.store'],
  ],
  [
    ['clusters', '--direction', 'inbound'],
    ['SERVICE FQDN|PORT|SUBSET|DIRECTION|TYPE|DESTINATION RULE', '|8080|-|inbound|STATIC|'],
  ],
  [
    ['c', '--subset', 'blue'],
    ['SERVICE FQDN|PORT|SUBSET|DIRECTION|TYPE|DESTINATION RULE', 'cart.store.svc.cluster.local|8080|blue|outbound|EDS|cart.store'],
  ],
  [
    ['listener'],
    [
      'ADDRESSES|PORT|MATCH|DESTINATION',
      '0.0.0.0|8080|ALL|Route: 8080',
      '0.0.0.0|8080|ALL|Inline Route: probe /ready',
      '0.0.0.0|15001|Addr: *:15001|Non-HTTP/Non-TCP',
      '0.0.0.0|15001|ALL|PassthroughCluster',
      '10.0.0.9|443|SNI: a.example.com,b.example.com; Trans: tls; App: h2; Addr: 10.0.0.0/24,10.0.0.9|Clusters: x (90), y (10)',
    ],
  ],
  [
    ['l', '--type', 'http'],
    ['ADDRESSES|PORT|MATCH|DESTINATION', '0.0.0.0|8080|ALL|Route: 8080', '0.0.0.0|8080|ALL|Inline Route: probe /ready'],
  ],
  [
    ['l', '--address', '0.0.0.0', '--port', '15001'],
    ['ADDRESSES|PORT|MATCH|DESTINATION', '0.0.0.0|15001|Addr: *:15001|Non-HTTP/Non-TCP', '0.0.0.0|15001|ALL|PassthroughCluster'],
  ],
  [
    ['route'],
    [
      'NAME|VHOST NAME|DOMAINS|MATCH|VIRTUAL SERVICE',
      '8080|block_all|*|/*|404',
      '8080|cart:8080|cart, cart.store + 1 more...|PathPrefix:/v2 user=jason beta !n in [1,5) host~a.* ?q=x*|cart.store',
      '8080|cart:8080|cart, cart.store + 1 more...|regex /\\d+|',
      '8080|cart:8080|cart, cart.store + 1 more...|CONNECT|',
      '8080|cart:8080|cart, cart.store + 1 more...|/*|',
    ],
  ],
  [
    ['endpoint'],
    [
      'ENDPOINT|STATUS|OUTLIER CHECK|CLUSTER',
      '10.1.0.1:8080|HEALTHY|OK|outbound|8080|blue|cart.store.svc.cluster.local',
      '10.1.0.2:8080|UNHEALTHY|OK|outbound|8080|blue|cart.store.svc.cluster.local',
    ],
  ],
  [
    ['ep', '--status', 'unhealthy'],
    ['ENDPOINT|STATUS|OUTLIER CHECK|CLUSTER', '10.1.0.2:8080|UNHEALTHY|OK|outbound|8080|blue|cart.store.svc.cluster.local'],
  ],
  [
    ['ep', '--address', '10.1.0.1', '--port', '8080', '--cluster', 'outbound|8080|blue|cart.store.svc.cluster.local'],
    ['ENDPOINT|STATUS|OUTLIER CHECK|CLUSTER', '10.1.0.1:8080|HEALTHY|OK|outbound|8080|blue|cart.store.svc.cluster.local'],
  ],
  [
    ['secret'],
    [
      'RESOURCE NAME|TYPE|STATUS|VALID CERT|SERIAL NUMBER|NOT AFTER|NOT BEFORE',
      'default|Cert Chain|ACTIVE|true|1f|2027-11-21T12:06:21Z|2026-11-21T12:06:21Z',
      'ROOTCA|CA|WARMING|false|||',
    ],
  ],
  [
    ['bootstrap', '-o', 'short'],
    ['NODE|CLUSTER|ISTIO VERSION|ENVOY VERSION', 'sidecar~10.0.0.7~shop-1.store~store.svc.cluster.local|shop.store|1.28.1|1.36.0'],
  ],
];

describe('an Envoy’s dump as tables', () => {
  test.each(tables)('%s', async (args, expected) => {
    expect(await rows(...args)).toEqual(expected);
  });

  test('a certificate’s time is over', async () => {
    const { stdout } = await lateen(['pc', 's', '-f', dump], { now: Date.UTC(2040, 0, 1) });
    expect(stdout).toMatch(/default +Cert Chain +ACTIVE +false +1f/);
  });

  test('all of them, with a line between', async () => {
    const { stdout } = await lateen(['pc', 'all', '-f', dump]);
    expect(stdout.split('\n\n').map((table) => table.split(/ {3}/)[0])).toEqual([
      'NODE',
      'SERVICE FQDN',
      'ADDRESSES',
      'NAME',
      'ENDPOINT',
      'RESOURCE NAME',
    ]);
  });
});

describe('as JSON and YAML', () => {
  const json = async (...args: string[]) => JSON.parse((await lateen(['pc', ...args, '-f', dump, '-o', 'json'])).stdout);

  test('resources in Envoy’s own shape', async () => {
    expect((await json('route', '--name', 'other')) as object[]).toEqual([{ name: 'other', virtual_hosts: [] }]);
    expect((await lateen(['pc', 'r', '--name', 'other', '-f', dump, '-o', 'yaml'])).stdout).toBe('- name: other\n  virtual_hosts: []\n');
    expect((await json('bootstrap')).bootstrap.node.cluster).toBe('shop.store');
  });

  test('no private key is shown, in no way', async () => {
    for (const section of ['secret', 'all']) {
      const shown = JSON.stringify(await json(section));
      expect(shown).toContain('"private_key":{"inline_bytes":"W3JlZGFjdGVkXQ=="}');
      expect(shown).not.toContain('c2VjcmV0');
    }
  });

  test('/clusters?format=json says what the proxy found out', async () => {
    const host = (port_value: number, health_status: object) => ({
      address: { socket_address: { address: '10.0.0.1', port_value } },
      health_status,
    });
    const hosts = [
      host(1, { eds_health_status: 'HEALTHY', failed_outlier_check: true }),
      host(2, { failed_active_health_check: true }),
      host(3, { eds_health_status: 'DRAINING' }),
    ];
    const stdin = JSON.stringify({ cluster_statuses: [{ name: 'c', host_statuses: hosts }] });
    const { stdout } = await lateen(['pc', 'ep', '-f', '-'], { stdin });
    expect(stdout.split('\n').slice(1, 4)).toEqual([
      '10.0.0.1:1   HEALTHY     FAILED          c',
      '10.0.0.1:2   UNHEALTHY   OK              c',
      '10.0.0.1:3   DRAINING    OK              c',
    ]);
  });
});

describe('wrong input', () => {
  test.each([
    [['pc', 'cluster'], '', 'error: of which proxy?', 2],
    [['pc', 'cluster', 'a', '-f', '-'], '{}', 'error: a pod and a file are given', 2],
    [['pc', 'cluster', '-f', '-'], 'nothing', 'error: - cannot be read: Unexpected token', 1],
    [['pc', 'cluster', '-f', '-'], '[1]', 'error: - is no config dump of Envoy', 1],
    [['pc', 'cluster', '-f', '/nowhere.json'], '', 'error: /nowhere.json cannot be read: ENOENT', 1],
    [['pc', 'cluster', '-f', '-'], '{"configs":[null,1,{"@type":3}]}', 'There is no such cluster.', 0],
    [['pc', 'nothing'], '', "error: unknown command 'nothing'", 2],
    [['pc', 'log', 'a', '--proxy-admin-port', '0'], '', 'error: option', 2],
    [['ps', '-f', '-'], '{}', 'error: the control plane does not listen', 1],
  ])('%s', async (args, stdin, message, code) => {
    const run = await lateen(args, { stdin });
    expect([run.stderr.slice(0, message.length), run.code]).toEqual([message, code]);
  });
});

describe('which pod is meant', () => {
  const pods = ['default/reviews-v1-7d4f-x1', 'default/reviews-v2-6c5b-x2', 'shop/reviews-v1-7d4f-x9', 'default/a.b'].map((key) => {
    const [namespace, name] = key.split('/');
    return { metadata: { namespace, name } } as Pod;
  });
  test.each([
    ['reviews-v1-7d4f-x1', 'default/reviews-v1-7d4f-x1'],
    ['reviews-v1-7d4f-x9.shop', 'shop/reviews-v1-7d4f-x9'],
    ['reviews-v1', 'default/reviews-v1-7d4f-x1'],
    ['reviews-v1.shop', 'shop/reviews-v1-7d4f-x9'],
    ['deployment/reviews-v2', 'default/reviews-v2-6c5b-x2'],
    ['deploy/reviews-v1.shop', 'shop/reviews-v1-7d4f-x9'],
    ['pod/a.b', 'default/a.b'],
  ])('%s', (word, key) => {
    const { metadata } = choosePod(pods, word, 'default');
    expect(`${metadata.namespace}/${metadata.name}`).toBe(key);
  });
  test.each([
    ['reviews', 'AMBIGUOUS'],
    ['ratings', 'NOT_FOUND'],
    ['service/reviews', 'USAGE'],
    ['deploy/reviews', 'AMBIGUOUS'],
  ])('%s: %s', (word, code) => {
    expect(() => choosePod(pods, word, 'default')).toThrow(expect.objectContaining({ code }));
  });
});
