// DestinationRules by the host that they are for.
import type { DestinationRule } from '#api/kinds/destination-rule';
import { fullHost, hostWithin } from './host.ts';
import { grouped, type Resources } from './resources.ts';

class DestinationRules {
  private readonly byHost: ReadonlyMap<string, DestinationRule[]>;
  private readonly wildcards: readonly string[];

  constructor(rules: readonly DestinationRule[]) {
    this.byHost = grouped(rules.map((rule) => [fullHost(rule.spec.host, rule.metadata.namespace ?? ''), rule] as const));
    this.wildcards = [...this.byHost.keys()].filter((host) => host.startsWith('*'));
  }

  exactly(host: string): readonly DestinationRule[] {
    return this.byHost.get(host) ?? [];
  }

  /** Those of wildcards that the host lies within as well. */
  covering(host: string): readonly DestinationRule[] {
    const wild = this.wildcards.filter((wildcard) => wildcard !== host && hostWithin(host, wildcard));
    return [host, ...wild].flatMap((each) => this.exactly(each));
  }
}

export function destinationRules(resources: Resources): DestinationRules {
  return new DestinationRules(resources.all<DestinationRule>('networking.istio.io/DestinationRule'));
}
