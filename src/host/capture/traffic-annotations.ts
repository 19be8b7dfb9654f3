// What of a pod's traffic is redirected to its proxy: Istio's annotations `traffic.sidecar.istio.io/*`. Pure.
// https://istio.io/latest/docs/reference/config/annotations/
import { isIPv4 } from 'node:net';
import type { Pod } from '#api/kinds/pod';

/** `*`: all of them. */
type Selection<T> = '*' | readonly T[];

export interface CapturedTraffic {
  includeInboundPorts: Selection<number>;
  excludeInboundPorts: readonly number[];
  /** CIDR ranges of IPv4. */
  includeOutboundRanges: Selection<string>;
  excludeOutboundRanges: readonly string[];
  /** Redirected wherever they lead to. */
  includeOutboundPorts: readonly number[];
  excludeOutboundPorts: readonly number[];
  /** What comes from or goes to these is left alone. */
  excludeInterfaces: readonly string[];
  /** What comes in from these is of virtual machines in the pod: it is on its way out. */
  virtualMachineInterfaces: readonly string[];
}

export interface CaptureDemand {
  traffic: CapturedTraffic;
  /** In words: what of the annotations was left out, and why. */
  problems: readonly string[];
}

const prefix = 'traffic.sidecar.istio.io/';
/** The kernel's IFNAMSIZ, and what may not break out of a quoted name. */
const interfacePattern = /^[A-Za-z0-9_.@-]{1,15}$/;

export function capturedTraffic(pod: Pod): CaptureDemand {
  const problems: string[] = [];
  const words = (name: string): string[] | undefined => {
    const text = pod.metadata.annotations?.[prefix + name];
    return text
      ?.split(',')
      .map((word) => word.trim())
      .filter(Boolean);
  };
  const valid = <T>(name: string, read: (word: string) => T | undefined, wanted: string): T[] =>
    (words(name) ?? []).flatMap((word) => {
      const value = read(word);
      if (value === undefined) problems.push(`annotation ${prefix}${name}: "${word}" is not ${wanted}; it is left out`);
      return value === undefined ? [] : [value];
    });
  const ports = (name: string) => valid(name, portOf, 'a port (1 to 65535)');
  const ranges = (name: string) => valid(name, rangeOf, 'an IPv4 range such as 10.0.0.0/8');
  const interfaces = (name: string) => valid(name, (word) => (interfacePattern.test(word) ? word : undefined), 'the name of an interface');
  const all = (name: string) => words(name) === undefined || words(name)?.includes('*') === true;
  return {
    traffic: {
      includeInboundPorts: all('includeInboundPorts') ? '*' : ports('includeInboundPorts'),
      excludeInboundPorts: ports('excludeInboundPorts'),
      includeOutboundRanges: all('includeOutboundIPRanges') ? '*' : ranges('includeOutboundIPRanges'),
      excludeOutboundRanges: ranges('excludeOutboundIPRanges'),
      includeOutboundPorts: ports('includeOutboundPorts'),
      excludeOutboundPorts: ports('excludeOutboundPorts'),
      excludeInterfaces: interfaces('excludeInterfaces'),
      virtualMachineInterfaces: interfaces('kubevirtInterfaces'),
    },
    problems,
  };
}

/** Whether something that the pod's programs send goes past the proxy. */
export function leavesAnyOut(traffic: CapturedTraffic): boolean {
  const { includeOutboundRanges, excludeOutboundRanges, excludeOutboundPorts, excludeInterfaces } = traffic;
  return includeOutboundRanges !== '*' || excludeOutboundRanges.length + excludeOutboundPorts.length + excludeInterfaces.length > 0;
}

function portOf(word: string): number | undefined {
  const port = Number(word);
  return /^\d+$/.test(word) && port >= 1 && port <= 65_535 ? port : undefined;
}

/** An address alone is a range of one. */
function rangeOf(word: string): string | undefined {
  const [address = '', bits = '32', ...rest] = word.split('/');
  return isIPv4(address) && rest.length === 0 && /^\d{1,2}$/.test(bits) && Number(bits) <= 32 ? `${address}/${Number(bits)}` : undefined;
}
