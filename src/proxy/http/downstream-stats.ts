// Counters of connection managers and TCP proxies, by their stat prefix. Plain numbers under Envoy's names, which the admin
// interface prints as they are (`http.<prefix>.<name>`).

export class DownstreamStats {
  downstream_cx_total = 0;
  downstream_cx_active = 0;
  downstream_cx_http1_total = 0;
  downstream_cx_http1_active = 0;
  downstream_cx_http2_total = 0;
  downstream_cx_http2_active = 0;
  downstream_cx_destroy = 0;
  downstream_cx_idle_timeout = 0;
  downstream_cx_max_duration_reached = 0;
  downstream_cx_overflow = 0;
  downstream_cx_protocol_error = 0;
  downstream_cx_upgrades_total = 0;
  downstream_cx_drain_close = 0;
  downstream_cx_rx_bytes_total = 0;
  downstream_cx_tx_bytes_total = 0;
  downstream_rq_total = 0;
  downstream_rq_http1_total = 0;
  downstream_rq_http2_total = 0;
  downstream_rq_active = 0;
  downstream_rq_completed = 0;
  downstream_rq_1xx = 0;
  downstream_rq_2xx = 0;
  downstream_rq_3xx = 0;
  downstream_rq_4xx = 0;
  downstream_rq_5xx = 0;
  downstream_rq_rx_reset = 0;
  downstream_rq_timeout = 0;
  downstream_rq_header_timeout = 0;
  downstream_rq_idle_timeout = 0;
  downstream_rq_too_large = 0;
  no_route = 0;
  no_cluster = 0;

  countResponse(status: number): void {
    this.downstream_rq_completed++;
    if (status >= 500) this.downstream_rq_5xx++;
    else if (status >= 400) this.downstream_rq_4xx++;
    else if (status >= 300) this.downstream_rq_3xx++;
    else if (status >= 200) this.downstream_rq_2xx++;
    else this.downstream_rq_1xx++;
  }
}

/** Counters outlive the configurations that write into them. */
export class DownstreamStatsTable {
  private readonly table = new Map<string, DownstreamStats>();

  get(prefix: string): DownstreamStats {
    let stats = this.table.get(prefix);
    if (stats === undefined) this.table.set(prefix, (stats = new DownstreamStats()));
    return stats;
  }

  entries(): IterableIterator<[string, DownstreamStats]> {
    return this.table.entries();
  }
}
