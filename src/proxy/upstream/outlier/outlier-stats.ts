// Counters of outlier detection, under Envoy's names (`cluster.<name>.outlier_detection.<field>`).

export class OutlierStats {
  ejections_active = 0;
  /** Not made, because too many were ejected already. */
  ejections_overflow = 0;
  ejections_enforced_total = 0;
  ejections_detected_consecutive_5xx = 0;
  ejections_enforced_consecutive_5xx = 0;
  ejections_detected_consecutive_gateway_failure = 0;
  ejections_enforced_consecutive_gateway_failure = 0;
  ejections_detected_consecutive_local_origin_failure = 0;
  ejections_enforced_consecutive_local_origin_failure = 0;
  ejections_detected_success_rate = 0;
  ejections_enforced_success_rate = 0;
  ejections_detected_local_origin_success_rate = 0;
  ejections_enforced_local_origin_success_rate = 0;
  ejections_detected_failure_percentage = 0;
  ejections_enforced_failure_percentage = 0;
  ejections_detected_local_origin_failure_percentage = 0;
  ejections_enforced_local_origin_failure_percentage = 0;
}
