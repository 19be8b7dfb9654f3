// Counters of active health checks, under Envoy's names (`cluster.<name>.health_check.<field>`).

export class HealthCheckStats {
  attempt = 0;
  success = 0;
  failure = 0;
  /** Of the failures, those by no answer. */
  network_failure = 0;
  healthy = 0;
  degraded = 0;
}
