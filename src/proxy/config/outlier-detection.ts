// When endpoints that fail are taken out of balancing: decoded from Envoy's OutlierDetection, with its defaults.
import type { OutlierDetection } from '#codec/protobuf/generated/envoy/config/cluster/v3/outlier_detection';
import { type Findings, milliseconds } from './findings.ts';

export interface OutlierDetectionConfig {
  /** How many failures in a row of each kind eject, and in how many percent of the cases they do. */
  consecutive: Readonly<Record<ConsecutiveKind, { failures: number; enforcedPercent: number }>>;
  successRate: SuccessRateConfig;
  failurePercentage: FailurePercentageConfig;
  /** What happens between proxy and endpoint is counted apart from what the endpoint answers. */
  splitsLocalOrigin: boolean;
  /** How often is looked whether an ejection is over. */
  intervalMs: number;
  /** Of the first ejection; the next ones take as many times longer as there were. */
  ejectionMs: number;
  ejectionMsMax: number;
  /** Of the endpoints. */
  ejectedPercentMax: number;
  alwaysEjectsOne: boolean;
}

/** Over an interval; of endpoints with so many requests at least, where there are so many of them at least. */
interface RateConfig {
  hostsMin: number;
  requestsMin: number;
  enforcedPercent: number;
  /** Of what happens between proxy and endpoint, where that is counted apart. */
  localEnforcedPercent: number;
}

export interface SuccessRateConfig extends RateConfig {
  stdevFactor: number;
}

export interface FailurePercentageConfig extends RateConfig {
  /** In percent of the requests. */
  threshold: number;
}

/** Envoy's names, as its counters have them. */
export type ConsecutiveKind = 'consecutive_5xx' | 'consecutive_gateway_failure' | 'consecutive_local_origin_failure';

const ejectionMsMaxDefault = 300_000;

export function decodeOutlierDetection(outlier: OutlierDetection | undefined, findings: Findings): OutlierDetectionConfig | undefined {
  if (outlier === undefined) return undefined;
  const percent = (name: string, value: number | undefined, otherwise: number) => {
    if (value !== undefined && value > 100) findings.report(`outlier_detection.${name}`, `${value} is above 100`);
    return value ?? otherwise;
  };
  const positive = (name: string, ms: number) => {
    if (ms <= 0) findings.report(`outlier_detection.${name}`, 'must be above 0');
    return ms;
  };
  const ejectionMs = positive('base_ejection_time', milliseconds(outlier.baseEjectionTime, 30_000));
  return {
    consecutive: {
      consecutive_5xx: {
        failures: outlier.consecutive5xx ?? 5,
        enforcedPercent: percent('enforcing_consecutive_5xx', outlier.enforcingConsecutive5xx, 100),
      },
      consecutive_gateway_failure: {
        failures: outlier.consecutiveGatewayFailure ?? 5,
        enforcedPercent: percent('enforcing_consecutive_gateway_failure', outlier.enforcingConsecutiveGatewayFailure, 0),
      },
      consecutive_local_origin_failure: {
        failures: outlier.consecutiveLocalOriginFailure ?? 5,
        enforcedPercent: percent('enforcing_consecutive_local_origin_failure', outlier.enforcingConsecutiveLocalOriginFailure, 100),
      },
    },
    successRate: {
      hostsMin: outlier.successRateMinimumHosts ?? 5,
      requestsMin: outlier.successRateRequestVolume ?? 100,
      enforcedPercent: percent('enforcing_success_rate', outlier.enforcingSuccessRate, 100),
      localEnforcedPercent: percent('enforcing_local_origin_success_rate', outlier.enforcingLocalOriginSuccessRate, 100),
      // In thousandths.
      stdevFactor: (outlier.successRateStdevFactor ?? 1900) / 1000,
    },
    failurePercentage: {
      hostsMin: outlier.failurePercentageMinimumHosts ?? 5,
      requestsMin: outlier.failurePercentageRequestVolume ?? 50,
      enforcedPercent: percent('enforcing_failure_percentage', outlier.enforcingFailurePercentage, 0),
      localEnforcedPercent: percent('enforcing_failure_percentage_local_origin', outlier.enforcingFailurePercentageLocalOrigin, 0),
      threshold: percent('failure_percentage_threshold', outlier.failurePercentageThreshold, 85),
    },
    splitsLocalOrigin: outlier.splitExternalLocalOriginErrors,
    intervalMs: positive('interval', milliseconds(outlier.interval, 10_000)),
    ejectionMs,
    ejectionMsMax: milliseconds(outlier.maxEjectionTime, Math.max(ejectionMsMaxDefault, ejectionMs)),
    ejectedPercentMax: percent('max_ejection_percent', outlier.maxEjectionPercent, 10),
    alwaysEjectsOne: outlier.alwaysEjectOneHost ?? false,
  };
}
