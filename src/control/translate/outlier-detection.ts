// A DestinationRule's `outlierDetection` as Envoy's. Of Envoy's ways to find outliers, Istio has those that count failures in a row.

import type { TrafficPolicy } from '#api/kinds/destination-rule';
import { OutlierDetection } from '#codec/protobuf/generated/envoy/config/cluster/v3/outlier_detection';
import { durationMs } from '#foundation/duration';
import type { ErrorMatcher } from './http-protocol-options.ts';
import { durationOf } from './message.ts';

/** Undefined where the rule does not ask for it. */
export function outlierDetection(rule: TrafficPolicy['outlierDetection']): OutlierDetection | undefined {
  if (rule === undefined) return undefined;
  const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveErrors, consecutiveLocalOriginFailures, maxEjectionPercent } = rule;
  const duration = (text: string | undefined) => (text === undefined ? undefined : durationOf(durationMs(text) ?? 0));
  const gateway = consecutiveGatewayErrors ?? consecutiveErrors;
  return OutlierDetection.fromPartial({
    enforcingSuccessRate: 0,
    ...(rule.interval && { interval: duration(rule.interval) }),
    ...(rule.baseEjectionTime && { baseEjectionTime: duration(rule.baseEjectionTime) }),
    ...(maxEjectionPercent && { maxEjectionPercent }),
    ...(consecutive5xxErrors !== undefined && {
      consecutive5xx: consecutive5xxErrors,
      enforcingConsecutive5xx: enforced(consecutive5xxErrors),
    }),
    ...(gateway !== undefined && { consecutiveGatewayFailure: gateway, enforcingConsecutiveGatewayFailure: enforced(gateway) }),
    ...(rule.splitExternalLocalOriginErrors && {
      splitExternalLocalOriginErrors: true,
      enforcingLocalOriginSuccessRate: 0,
      ...(consecutiveLocalOriginFailures && {
        consecutiveLocalOriginFailure: consecutiveLocalOriginFailures,
        enforcingConsecutiveLocalOriginFailure: 100,
      }),
    }),
  });
}

/** Which answers count as failures, in the place of those of 500 and above; undefined: the rule does not say. */
export function errorMatcher(rule: TrafficPolicy['outlierDetection']): ErrorMatcher | undefined {
  const rules = (rule?.outlierDetectionHttpErrorCodes ?? []).map((code): ErrorMatcher => {
    const matchPattern = { $case: 'exact' as const, value: String(code) };
    const header = { name: ':status', headerMatchSpecifier: { $case: 'stringMatch' as const, value: { matchPattern } } };
    return { rule: { $case: 'httpResponseHeadersMatch', value: { headers: [header] } } };
  });
  return rules.length > 1 ? { rule: { $case: 'orMatch', value: { rules } } } : rules[0];
}

/** 0 failures: this kind does not eject. */
function enforced(failures: number): number {
  return failures > 0 ? 100 : 0;
}
