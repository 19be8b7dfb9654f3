// Copies of requests that a rule of a VirtualService asks for, as Envoy's request_mirror_policies.
import type { HttpRoute } from '#api/kinds/virtual-service';
import { RouteAction_RequestMirrorPolicy as MirrorPolicy } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { fraction } from './fraction.ts';

/** Where a rule's mirrors are, the old form first. `clusters` of a SelectedRule are in this order. */
export function mirrorsOf(rule: HttpRoute): NonNullable<HttpRoute['mirrors']> {
  const percentage = rule.mirrorPercentage ?? oldPercentage(rule.mirrorPercent ?? rule.mirror_percent);
  const first = rule.mirror ? [{ destination: rule.mirror, ...(percentage && { percentage }) }] : [];
  return [...first, ...(rule.mirrors ?? [])];
}

/** `clusters`: of each of `mirrorsOf`. One that is given 0 percent is left out; without a percentage every request is copied. */
export function mirrorPolicies(rule: HttpRoute, clusters: readonly string[]): MirrorPolicy[] {
  return mirrorsOf(rule).flatMap(({ percentage }, i) => {
    if (percentage && !percentage.value) return [];
    const policy = {
      cluster: clusters[i] ?? '',
      runtimeFraction: { defaultValue: fraction(percentage?.value ?? 100) },
      traceSampled: false,
    };
    return [MirrorPolicy.fromPartial(policy)];
  });
}

function oldPercentage(percent: number | undefined): { value: number } | undefined {
  return percent === undefined ? undefined : { value: percent };
}
