// Percentages of Istio's resources as Envoy's fractions. Used by faults and mirrors.
import { FractionalPercent_DenominatorType as Denominator, type FractionalPercent } from '#codec/protobuf/generated/envoy/type/v3/percent';

/** Of all requests, unless it says less. `percent` is the old form. */
export function fraction(part: { percentage?: { value?: number }; percent?: number } | undefined): FractionalPercent {
  if (part?.percentage) return { numerator: Math.round((part.percentage.value ?? 0) * 10_000), denominator: Denominator.MILLION };
  return { numerator: part?.percent || 100, denominator: Denominator.HUNDRED };
}
