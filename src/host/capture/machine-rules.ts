// The nftables rules on the machine's side of namespaced pods: what pods send to addresses that are nobody's here goes to the gateway for
// them (pod-gateway.ts). Pure.

export interface MachineRulesOptions {
  /** Of the table and of the bridge. */
  prefix: string;
  /** Addresses that are reached as they are: of pods, and of the machine in their network. */
  ours: readonly string[];
  gatewayPort: number;
  /** Nothing in this network reaches the world by itself: what its own programs send is led on as well. */
  enclosed: boolean;
}

/** A script of nft. */
export function machineRules({ prefix, ours, gatewayPort, enclosed }: MachineRulesOptions): string {
  const lead = `ip daddr != { ${ours.join(', ')} } meta l4proto tcp redirect to :${gatewayPort}`;
  return [
    `table ip ${prefix} {`,
    '  chain prerouting {',
    '    type nat hook prerouting priority -100; policy accept;',
    `    iifname "${prefix}" ${lead}`,
    '  }',
    ...(enclosed ? ['  chain output {', '    type nat hook output priority -100; policy accept;', `    ${lead}`, '  }'] : []),
    '}',
    '',
  ].join('\n');
}
