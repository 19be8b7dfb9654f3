// How the measured proxy is told what to be: one JSON argument of lateen-proxy.ts.

export interface ProxyOptions {
  port: number;
  /** The backend's port. */
  to: number;
  /** Certificate and key in one file, which is its own authority. */
  pem?: string;
  in?: 'plain' | 'tls' | 'mtls';
  out?: 'h1' | 'h2' | 'mtls-h1' | 'mtls-h2';
  /** Virtual hosts in the table, each with twelve routes. */
  hosts?: number;
  /** Of filter-costs.ts, beside those of every mesh. */
  filter?: string;
}
