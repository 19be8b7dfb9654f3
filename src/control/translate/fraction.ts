// Percentages of Istio's resources as Envoy's fractions. Used by faults and mirrors.
import { FractionalPercent_DenominatorType as Denominator, type FractionalPercent } from '#codec/protobuf/generated/envoy/type/v3/percent';

/** Of 100. Istio's may have decimals. */
export function fraction(percent: number): FractionalPercent {
  return { numerator: Math.round(percent * 10_000), denominator: Denominator.MILLION };
}
