// The nftables rules by which a cluster IP leads to the pods behind it, for who has no proxy that would: Kubernetes' kube-proxy. One table
// of a network namespace; a change costs what has changed. Pure.
// https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/3866-nftables-proxy
import type { NetworkAddress } from '#net/network';

/** A port of a Service. */
export interface ServiceRoute {
  /** Its cluster IP. */
  address: string;
  protocol: 'tcp' | 'udp';
  port: number;
  /** Of the machine, that leads there as well. */
  nodePort?: number;
  /** A client stays with its endpoint as long as they are the same (`sessionAffinity: ClientIP`). */
  sticky?: boolean;
  /** Those that are ready. */
  endpoints: readonly NetworkAddress[];
}

/** By `namespace/name`; a Service without cluster IP has none, as has one that is gone. */
export type ServiceRoutes = ReadonlyMap<string, readonly ServiceRoute[]>;

export interface ServiceTableOptions {
  name: string;
  /** Among the rules for what is sent: the lower, the earlier. */
  priority: number;
  /** Those that it is about. */
  protocols: readonly ServiceRoute['protocol'][];
}

export class ServiceTable {
  private readonly routes = new Map<string, readonly ServiceRoute[]>();

  constructor(private readonly options: ServiceTableOptions) {}

  /** A script of nft that makes the table, empty, whatever was there under its name. */
  create(): string {
    const { name, priority, protocols } = this.options;
    return [
      `add table ip ${name}`,
      `delete table ip ${name}`,
      `table ip ${name} {`,
      '  map ports { type ipv4_addr . inet_proto . inet_service : verdict; }',
      '  set addresses { type ipv4_addr; }',
      '  chain output {',
      `    type nat hook output priority ${priority}; policy accept;`,
      '    ip daddr . meta l4proto . th dport vmap @ports',
      '  }',
      // What leads nowhere fails at once.
      '  chain refusal {',
      '    type filter hook output priority 0; policy accept;',
      ...(protocols.includes('tcp') ? ['    ip daddr @addresses meta l4proto tcp reject with tcp reset'] : []),
      ...(protocols.length > 1
        ? ['    ip daddr @addresses reject']
        : protocols.map((only) => `    ip daddr @addresses meta l4proto ${only} reject`)),
      '  }',
      '}',
      '',
    ].join('\n');
  }

  /** A script that changes it; undefined where there is nothing to do. */
  change(changes: ServiceRoutes): string | undefined {
    const lines = [...changes].flatMap(([key, all]) => {
      const after = all.filter(({ protocol }) => this.options.protocols.includes(protocol));
      const before = this.routes.get(key) ?? [];
      if (after.length > 0) this.routes.set(key, after);
      else this.routes.delete(key);
      return this.changeOf(before, after);
    });
    return lines.length === 0 ? undefined : `${lines.join('\n')}\n`;
  }

  private changeOf(before: readonly ServiceRoute[], after: readonly ServiceRoute[]): string[] {
    const { name } = this.options;
    const [former, wanted] = [chainsOf(before), chainsOf(after)];
    const [[{ address: old } = { address: undefined }], [{ address } = { address: undefined }]] = [before, after];
    const moves = old !== address;
    return [
      ...(moves && old !== undefined ? [`delete element ip ${name} addresses { ${old} }`] : []),
      ...(moves && address !== undefined ? [`add element ip ${name} addresses { ${address} }`] : []),
      ...[...former].flatMap(([chain, { element }]) =>
        wanted.has(chain)
          ? []
          : [`delete element ip ${name} ports { ${element} }`, `flush chain ip ${name} ${chain}`, `delete chain ip ${name} ${chain}`],
      ),
      ...[...wanted].flatMap(([chain, { element, rule }]) => {
        const known = former.get(chain);
        if (known?.rule === rule) return [];
        return [
          ...(known ? [`flush chain ip ${name} ${chain}`] : [`add chain ip ${name} ${chain}`]),
          `add rule ip ${name} ${chain} ${rule}`,
          ...(known ? [] : [`add element ip ${name} ports { ${element} : goto ${chain} }`]),
        ];
      }),
    ];
  }
}

/** One for each port that leads somewhere. */
function chainsOf(routes: readonly ServiceRoute[]): Map<string, { element: string; rule: string }> {
  return new Map(
    routes
      .filter(({ endpoints }) => endpoints.length > 0)
      .map(({ address, protocol, port, sticky, endpoints }) => {
        const places = endpoints.map((endpoint, i) => `${i} : ${endpoint.address} . ${endpoint.port}`).join(', ');
        const pick = sticky ? 'jhash ip saddr' : 'numgen random';
        const rule = `meta l4proto ${protocol} dnat ip to ${pick} mod ${endpoints.length} map { ${places} }`;
        return [`${protocol}-${address}-${port}`, { element: `${address} . ${protocol} . ${port}`, rule }] as const;
      }),
  );
}
