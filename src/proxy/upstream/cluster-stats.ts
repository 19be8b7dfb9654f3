// Counters of one cluster. Plain numbers under Envoy's names, made once and then only added to; the admin interface prints them as
// they are (`cluster.<name>.<field>`), and those beside that are bounded by the circuit breaker (`usage`).
import { ClusterUsage, usageCell } from './cluster-usage.ts';

export class ClusterStats {
  upstream_cx_total = 0;
  upstream_cx_http1_total = 0;
  upstream_cx_http2_total = 0;
  upstream_cx_connect_fail = 0;
  upstream_cx_connect_timeout = 0;
  upstream_cx_connect_attempts_exceeded = 0;
  upstream_cx_overflow = 0;
  upstream_cx_none_healthy = 0;
  upstream_cx_idle_timeout = 0;
  upstream_cx_max_requests = 0;
  upstream_cx_max_duration_reached = 0;
  upstream_cx_protocol_error = 0;
  upstream_cx_destroy = 0;
  upstream_cx_destroy_with_active_rq = 0;
  upstream_cx_rx_bytes_total = 0;
  upstream_cx_tx_bytes_total = 0;
  upstream_rq_total = 0;
  upstream_rq_completed = 0;
  upstream_rq_1xx = 0;
  upstream_rq_2xx = 0;
  upstream_rq_3xx = 0;
  upstream_rq_4xx = 0;
  upstream_rq_5xx = 0;
  upstream_rq_pending_total = 0;
  upstream_rq_pending_overflow = 0;
  upstream_rq_pending_failure_eject = 0;
  upstream_rq_cancelled = 0;
  upstream_rq_timeout = 0;
  upstream_rq_per_try_timeout = 0;
  upstream_rq_rx_reset = 0;
  upstream_rq_tx_reset = 0;
  upstream_rq_retry = 0;
  upstream_rq_retry_success = 0;
  upstream_rq_retry_overflow = 0;
  upstream_rq_retry_limit_exceeded = 0;
  membership_total = 0;
  membership_healthy = 0;
  membership_degraded = 0;
  /** Picks among all endpoints of a priority, because too few of them were fit. */
  lb_healthy_panic = 0;
  /** Of balancing by zone: picks in the own zone since it can take all, in it by its share, and elsewhere. */
  lb_zone_routing_all_directly = 0;
  lb_zone_routing_sampled = 0;
  lb_zone_routing_cross_zone = 0;
  /** No other zone has room: any of them. */
  lb_zone_no_capacity_left = 0;
  /** Zones do not count: there are too few endpoints; the proxy's own cluster is not well. */
  lb_zone_cluster_too_small = 0;
  lb_local_cluster_not_ok = 0;
  update_success = 0;
  update_failure = 0;

  readonly #usage: ClusterUsage;

  constructor(usage = new ClusterUsage()) {
    this.#usage = usage;
  }

  get usage(): ClusterUsage {
    return this.#usage;
  }

  get upstream_cx_active(): number {
    return this.#usage.own[usageCell.connections]!;
  }

  set upstream_cx_active(count: number) {
    this.#usage.own[usageCell.connections] = count;
  }

  get upstream_rq_active(): number {
    return this.#usage.own[usageCell.requests]!;
  }

  set upstream_rq_active(count: number) {
    this.#usage.own[usageCell.requests] = count;
  }

  get upstream_rq_pending_active(): number {
    return this.#usage.own[usageCell.pendingRequests]!;
  }

  set upstream_rq_pending_active(count: number) {
    this.#usage.own[usageCell.pendingRequests] = count;
  }

  /** Of requests that are at a second try or later. */
  get activeRetries(): number {
    return this.#usage.own[usageCell.retries]!;
  }

  set activeRetries(count: number) {
    this.#usage.own[usageCell.retries] = count;
  }

  /** All that are counted, with their names. */
  samples(): Record<string, number> {
    const { upstream_cx_active, upstream_rq_active, upstream_rq_pending_active } = this;
    return { ...Object.fromEntries(Object.entries(this)), upstream_cx_active, upstream_rq_active, upstream_rq_pending_active };
  }

  countResponse(status: number): void {
    this.upstream_rq_completed++;
    if (status >= 500) this.upstream_rq_5xx++;
    else if (status >= 400) this.upstream_rq_4xx++;
    else if (status >= 300) this.upstream_rq_3xx++;
    else if (status >= 200) this.upstream_rq_2xx++;
    else this.upstream_rq_1xx++;
  }
}

/** The same of one endpoint: what Envoy's `/clusters` shows per host. */
export class EndpointStats {
  cx_active = 0;
  cx_connect_fail = 0;
  cx_total = 0;
  rq_active = 0;
  rq_error = 0;
  rq_success = 0;
  rq_timeout = 0;
  rq_total = 0;
}
