// What of a pod's traffic is redirected: annotations to rules, as tables.
import { describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import { AddressPool } from '#host/capture/address-pool';
import { redirectRules } from '#host/capture/redirect-rules';
import { SystemTools } from '#host/capture/system-tools';
import { type CapturedTraffic, capturedTraffic } from '#host/capture/traffic-annotations';
import { parseMachinePort } from '#host/machine-service';

const everything: CapturedTraffic = {
  includeInboundPorts: '*',
  excludeInboundPorts: [],
  includeOutboundRanges: '*',
  excludeOutboundRanges: [],
  includeOutboundPorts: [],
  excludeOutboundPorts: [],
  excludeInterfaces: [],
  virtualMachineInterfaces: [],
};

const podWith = (annotations: Record<string, string>) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'a',
      annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`traffic.sidecar.istio.io/${name}`, value])),
    },
    spec: { containers: [] },
  }) as unknown as Pod;

describe('annotations', () => {
  test.each<[string, Record<string, string>, Partial<CapturedTraffic>]>([
    ['none: everything', {}, {}],
    ['in: all ports by *', { includeInboundPorts: '*' }, {}],
    ['in: no port', { includeInboundPorts: '' }, { includeInboundPorts: [] }],
    ['in: these', { includeInboundPorts: '80, 443' }, { includeInboundPorts: [80, 443] }],
    ['in: not these', { excludeInboundPorts: '8081,9000' }, { excludeInboundPorts: [8081, 9000] }],
    ['out: no range', { includeOutboundIPRanges: '' }, { includeOutboundRanges: [] }],
    ['out: these ranges', { includeOutboundIPRanges: '10.0.0.0/8,192.0.2.7' }, { includeOutboundRanges: ['10.0.0.0/8', '192.0.2.7/32'] }],
    ['out: not these ranges', { excludeOutboundIPRanges: '172.16.0.0/12' }, { excludeOutboundRanges: ['172.16.0.0/12'] }],
    [
      'out: ports',
      { includeOutboundPorts: '5432', excludeOutboundPorts: '6379' },
      { includeOutboundPorts: [5432], excludeOutboundPorts: [6379] },
    ],
    [
      'interfaces',
      { excludeInterfaces: 'eth1,net1', kubevirtInterfaces: 'k6t-eth0' },
      { excludeInterfaces: ['eth1', 'net1'], virtualMachineInterfaces: ['k6t-eth0'] },
    ],
  ])('%s', (_, annotations, changes) => {
    expect(capturedTraffic(podWith(annotations))).toEqual({ traffic: { ...everything, ...changes }, problems: [] });
  });

  test.each([
    ['excludeInboundPorts', '0'],
    ['excludeInboundPorts', '65536'],
    ['excludeOutboundPorts', 'http'],
    ['excludeOutboundIPRanges', '10.0.0.0/33'],
    ['includeOutboundIPRanges', 'fd00::/8'],
    ['excludeInterfaces', 'eth0" } accept; #'],
    ['kubevirtInterfaces', 'a-name-that-is-too-long'],
  ])('%s: %s is left out, and said', (name, value) => {
    const { traffic, problems } = capturedTraffic(podWith({ [name]: value }));
    expect(problems).toEqual([expect.stringContaining(`${name}: "${value}" is not`)]);
    expect(Object.values(traffic).flat()).not.toContain(value);
  });
});

const rulesOf = (changes: Partial<CapturedTraffic>, chain: 'output' | 'prerouting', dns = false) =>
  redirectRules({ ...everything, ...changes }, { prober: '169.254.7.127', dns })
    .split(/^ {2}chain /m)
    .find((text) => text.startsWith(chain))!
    .split('\n')
    .slice(2, -2)
    .map((line) => line.trim())
    .filter((line) => line !== '}');

describe('rules', () => {
  test('what goes out, in Istio’s order', () => {
    expect(rulesOf({}, 'output', true)).toEqual([
      'oifname "lo" ip saddr 127.0.0.6 return',
      'meta mark != 1337 udp dport 53 redirect to :15053',
      'meta mark != 1337 tcp dport 53 redirect to :15053',
      'oifname "lo" meta mark 1337 ip daddr != 127.0.0.1 tcp dport != 15008 redirect to :15006',
      'oifname "lo" return',
      'meta mark 1337 return',
      'ip daddr 127.0.0.0/8 return',
      'meta l4proto tcp redirect to :15001',
    ]);
  });

  test('what comes in', () => {
    expect(rulesOf({}, 'prerouting')).toEqual([
      'ip saddr 169.254.7.127 return',
      'tcp dport { 15000, 15008, 15020, 15021, 15090 } return',
      'meta l4proto tcp redirect to :15006',
    ]);
  });

  test.each<[string, Partial<CapturedTraffic>, 'output' | 'prerouting', string[]]>([
    ['only some ports in', { includeInboundPorts: [80] }, 'prerouting', ['tcp dport { 80 } redirect to :15006']],
    ['no port in', { includeInboundPorts: [] }, 'prerouting', []],
    [
      'not these in',
      { excludeInboundPorts: [9000] },
      'prerouting',
      ['tcp dport { 15000, 15008, 15020, 15021, 15090, 9000 } return', 'meta l4proto tcp redirect to :15006'],
    ],
    [
      'no range out, but a port',
      { includeOutboundRanges: [], includeOutboundPorts: [5432] },
      'output',
      ['tcp dport { 5432 } redirect to :15001'],
    ],
    [
      'only a range out',
      { includeOutboundRanges: ['10.0.0.0/8'] },
      'output',
      ['ip daddr { 10.0.0.0/8 } meta l4proto tcp redirect to :15001'],
    ],
    [
      'not a port out, not a range',
      { excludeOutboundPorts: [6379], excludeOutboundRanges: ['10.1.0.0/16'] },
      'output',
      ['tcp dport { 6379 } return', 'ip daddr { 10.1.0.0/16 } return', 'meta l4proto tcp redirect to :15001'],
    ],
    [
      'virtual machines',
      { virtualMachineInterfaces: ['k6t-eth0'] },
      'prerouting',
      [
        'iifname { "k6t-eth0" } meta l4proto tcp redirect to :15001',
        'ip saddr 169.254.7.127 return',
        'tcp dport { 15000, 15008, 15020, 15021, 15090 } return',
        'meta l4proto tcp redirect to :15006',
      ],
    ],
  ])('%s', (_, changes, chain, wanted) => {
    expect(rulesOf(changes, chain).slice(-wanted.length || Number.POSITIVE_INFINITY)).toEqual(wanted);
    if (wanted.length === 0) expect(rulesOf(changes, chain).join()).not.toContain('redirect');
  });
});

describe('addresses', () => {
  test('one that was given back is the last to be given again', () => {
    const pool = new AddressPool();
    const first = [pool.take(), pool.take()];
    expect(first).toEqual(['0.2', '0.3']);
    pool.giveBack('0.2');
    expect(pool.take()).toBe('0.4');
  });

  test('there are so many, and then none', () => {
    const pool = new AddressPool();
    const all = Array.from({ length: 62_500 }, () => pool.take());
    expect(new Set(all).size).toBe(62_500);
    expect(all.at(-1)).toBe('249.251');
    expect(() => pool.take()).toThrow('62500 pods at most');
    pool.giveBack('7.9');
    expect(pool.take()).toBe('7.9');
  });
});

test.each([
  ['db=5432', { name: 'db', namespace: 'default', port: 5432 }],
  ['my-db.shop=1', { name: 'my-db', namespace: 'shop', port: 1 }],
])('--publish %s', (text, wanted) => {
  expect(parseMachinePort(text)).toEqual(wanted);
});

test.each(['db', 'db=', '=80', 'db=0', 'db=65536', 'Db=80', 'db-=80', 'db=http', 'db.a.b=80'])('--publish %s is refused', (text) => {
  expect(() => parseMachinePort(text)).toThrow(`"${text}" publishes nothing`);
});

test('tools that are missing are named, with how to get them', () => {
  expect(() => SystemTools.find('/nowhere', [])).toThrow(
    expect.objectContaining({
      code: 'TOOLS_MISSING',
      message: expect.stringContaining('ip and nft and nsenter'),
      hint: 'apt-get install iproute2 nftables util-linux mount',
    }),
  );
});
