// The nftables rules of a pod's namespace: what its programs send and what comes for them goes to its proxy. Pure. In the order and with
// the ports of Istio's rules; the proxy's own traffic is known by its mark instead of its user, for one process serves many pods.
// https://github.com/istio/istio/wiki/Understanding-IPTables-snapshot
import { proxyMark } from '#net/namespace-network';
import type { CapturedTraffic } from './traffic-annotations.ts';

/** Istio's ports of a sidecar. */
export const sidecarPorts = { outbound: 15_001, inbound: 15_006, dns: 15_053, tunnel: 15_008, admin: 15_000 };
/** Of the agent, its health, and metrics: never a program's. */
const agentPorts = [15_020, 15_021, 15_090];
/** As the proxy's connections to its own program come: Istio's choice. */
const inboundSource = '127.0.0.6';
const dnsPort = 53;

/** `prober`: who comes from this address asks the programs themselves. `dns`: names are answered in the pod. */
export function redirectRules(traffic: CapturedTraffic, { prober, dns }: { prober: string; dns: boolean }): string {
  return [
    'table ip lateen {',
    ...chain('output', outputRules(traffic, dns)),
    ...chain('prerouting', preroutingRules(traffic, prober)),
    '}',
    '',
  ].join('\n');
}

function outputRules(traffic: CapturedTraffic, dns: boolean): string[] {
  const { outbound, inbound, tunnel } = sidecarPorts;
  const { includeOutboundRanges: included } = traffic;
  const toProxy = `redirect to :${outbound}`;
  return [
    // The proxy to its own program.
    `oifname "lo" ip saddr ${inboundSource} return`,
    ...each('oifname', traffic.excludeInterfaces.map(quoted), 'return'),
    ...(dns
      ? ['udp', 'tcp'].map((protocol) => `meta mark != ${proxyMark} ${protocol} dport ${dnsPort} redirect to :${sidecarPorts.dns}`)
      : []),
    // The pod calls itself by its service: in through the front door.
    `oifname "lo" meta mark ${proxyMark} ip daddr != 127.0.0.1 tcp dport != ${tunnel} redirect to :${inbound}`,
    'oifname "lo" return',
    `meta mark ${proxyMark} return`,
    'ip daddr 127.0.0.0/8 return',
    ...each('tcp dport', traffic.excludeOutboundPorts, 'return'),
    ...each('tcp dport', traffic.includeOutboundPorts, toProxy),
    ...each('ip daddr', traffic.excludeOutboundRanges, 'return'),
    ...(included === '*' ? [`meta l4proto tcp ${toProxy}`] : each('ip daddr', included, `meta l4proto tcp ${toProxy}`)),
  ];
}

function preroutingRules(traffic: CapturedTraffic, prober: string): string[] {
  const { outbound, inbound, tunnel, admin } = sidecarPorts;
  const { includeInboundPorts: included } = traffic;
  const toProxy = `redirect to :${inbound}`;
  return [
    ...each('iifname', traffic.excludeInterfaces.map(quoted), 'return'),
    ...each('iifname', traffic.virtualMachineInterfaces.map(quoted), `meta l4proto tcp redirect to :${outbound}`),
    `ip saddr ${prober} return`,
    ...each('tcp dport', [admin, tunnel, ...agentPorts, ...traffic.excludeInboundPorts], 'return'),
    ...(included === '*' ? [`meta l4proto tcp ${toProxy}`] : each('tcp dport', included, toProxy)),
  ];
}

function chain(hook: string, rules: readonly string[]): string[] {
  return [`  chain ${hook} {`, `    type nat hook ${hook} priority -100; policy accept;`, ...rules.map((rule) => `    ${rule}`), '  }'];
}

/** Nothing to meet: no rule. */
function each(what: string, values: readonly (string | number)[], verdict: string): string[] {
  return values.length === 0 ? [] : [`${what} { ${[...new Set(values)].join(', ')} } ${verdict}`];
}

const quoted = (name: string) => `"${name}"`;
