// Refuses requests that no policy allows, or that one denies: Envoy's HTTP `rbac` filter, with shadow rules that only count.
import { RBAC, RBACPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/rbac/v3/rbac';
import type { Findings } from '#proxy/config/findings';
import { decodeRbac, type RbacEngine, rehearsal } from '#proxy/filters/rbac/engine';
import { type Subject, subjectOfStream } from '#proxy/filters/rbac/subject';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { responseFlag } from '#telemetry/response-flags';

export interface RbacConfig {
  readonly rules: RbacEngine | undefined;
  readonly shadow: RbacEngine | undefined;
  /** In front of the names of the counters, and of the metadata. */
  readonly rulesPrefix: string;
  readonly shadowPrefix: string;
}

const metadataName = 'envoy.filters.http.rbac';

export const rbacType: HttpFilterType<RbacConfig, RbacConfig> = {
  message: 'envoy.extensions.filters.http.rbac.v3.RBAC',
  decode: (bytes, field, findings) => decode(RBAC.decode(bytes), field, findings),
  perRoute: {
    message: 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute',
    decode: (bytes, field, findings) => decode(RBACPerRoute.decode(bytes).rbac ?? RBAC.fromPartial({}), field, findings),
  },
  make(general, { name, statPrefix, runtime }) {
    const counter = (key: string) => runtime.counters.get(`http.${statPrefix}.rbac.${key}`);
    const allowed = counter(`${general.rulesPrefix}allowed`);
    const denied = counter(`${general.rulesPrefix}denied`);
    const shadowAllowed = counter(`${general.shadowPrefix}shadow_allowed`);
    const shadowDenied = counter(`${general.shadowPrefix}shadow_denied`);
    return {
      request(stream) {
        const { rules, shadow, shadowPrefix } = routeConfig(stream, rbacType, name) ?? general;
        if (rules === undefined && shadow === undefined) return 'continue';
        const subject = subjectOfStream(stream);
        if (shadow !== undefined) (rehearse(stream, shadow, shadowPrefix, subject) ? shadowAllowed : shadowDenied).value++;
        if (rules === undefined) return 'continue';
        const verdict = rules.decide(subject);
        if (rules.logs) {
          stream.setMetadata('envoy.common', { access_log_hint: verdict.policy !== undefined });
          return 'continue';
        }
        (verdict.allowed ? allowed : denied).value++;
        if (verdict.allowed) return 'continue';
        deny(stream, verdict.policy);
        return 'stop';
      },
    };
  },
};

function decode(rbac: RBAC, field: string, findings: Findings): RbacConfig {
  if (rbac.matcher !== undefined) findings.report(`${field}.matcher`, 'is not supported');
  if (rbac.shadowMatcher !== undefined) findings.report(`${field}.shadow_matcher`, 'is not supported');
  return {
    rules: decodeRbac(rbac.rules, `${field}.rules`, findings),
    shadow: decodeRbac(rbac.shadowRules, `${field}.shadow_rules`, findings),
    rulesPrefix: rbac.rulesStatPrefix,
    shadowPrefix: rbac.shadowRulesStatPrefix,
  };
}

function rehearse(stream: HttpStream, shadow: RbacEngine, prefix: string, subject: Subject): boolean {
  const verdict = shadow.decide(subject);
  stream.setMetadata(metadataName, rehearsal(verdict, prefix));
  return verdict.allowed;
}

function deny(stream: HttpStream, policy: string | undefined): void {
  const details = `rbac_access_denied_matched_policy[${policy === undefined ? 'none' : policy.replace(/\s/g, '_')}]`;
  stream.reply({ status: 403, flags: responseFlag.none, details, body: 'RBAC: access denied' });
}
