// Where and how exchanges are logged; telemetry/access-log-format.ts compiles the format.

export interface AccessLogConfig {
  sink: { kind: 'stdout' } | { kind: 'stderr' } | { kind: 'file'; path: string };
  /** Envoy's command operators; a trailing newline is part of the format. */
  format: { kind: 'text'; text: string } | { kind: 'json'; fields: Readonly<Record<string, unknown>> };
}
