// Closes connections that no policy allows, or that one denies: Envoy's network `rbac` filter, with shadow rules that only count.
import { RBAC } from '#codec/protobuf/generated/envoy/extensions/filters/network/rbac/v3/rbac';
import type { Findings } from '#proxy/config/findings';
import type { ConnectionGateConfig } from '#proxy/config/listener';
import { decodeRbac, rehearsal } from '#proxy/filters/rbac/engine';
import { subjectOfConnection } from '#proxy/filters/rbac/subject';

const metadataName = 'envoy.filters.network.rbac';

export function decodeNetworkRbac(name: string, bytes: Uint8Array, field: string, findings: Findings): ConnectionGateConfig {
  const config = RBAC.decode(bytes);
  if (config.matcher !== undefined || config.shadowMatcher !== undefined) findings.report(`${field}.matcher`, 'is not supported');
  const rules = decodeRbac(config.rules, `${field}.rules`, findings);
  const shadow = decodeRbac(config.shadowRules, `${field}.shadow_rules`, findings);
  return {
    name,
    rules,
    make({ counters }) {
      const counter = (key: string) => counters.get(`${config.statPrefix}rbac.${key}`);
      const allowed = counter('allowed');
      const denied = counter('denied');
      const shadowAllowed = counter(`${config.shadowRulesStatPrefix}shadow_allowed`);
      const shadowDenied = counter(`${config.shadowRulesStatPrefix}shadow_denied`);
      return ({ connection, metadata }, decided) => {
        const subject = subjectOfConnection(connection);
        if (shadow !== undefined) {
          const verdict = shadow.decide(subject);
          (verdict.allowed ? shadowAllowed : shadowDenied).value++;
          metadata.set(metadataName, rehearsal(verdict, config.shadowRulesStatPrefix));
        }
        const passes = rules === undefined || rules.decide(subject).allowed;
        (passes ? allowed : denied).value++;
        decided(passes);
        return undefined;
      };
    },
  };
}
