// Counters of TLS handshakes, of one listener or one cluster: Envoy's `ssl.*`.

export class TlsStats {
  handshake = 0;
  sessionReused = 0;
  noCertificate = 0;
  connectionError = 0;
  failVerifyError = 0;
  failVerifyNoCert = 0;
  secretsNotReady = 0;
}

/** Envoy's names of ours; those of secrets say which side waited for them. */
const names: readonly (readonly [keyof TlsStats, string])[] = [
  ['handshake', 'ssl.handshake'],
  ['sessionReused', 'ssl.session_reused'],
  ['noCertificate', 'ssl.no_certificate'],
  ['connectionError', 'ssl.connection_error'],
  ['failVerifyError', 'ssl.fail_verify_error'],
  ['failVerifyNoCert', 'ssl.fail_verify_no_cert'],
];

/** Name and value of each, below the listener's or the cluster's own name. */
export function* tlsSamples(stats: TlsStats, side: 'server' | 'client'): Iterable<readonly [string, number]> {
  for (const [key, name] of names) yield [name, stats[key]];
  const stream = side === 'server' ? 'downstream' : 'upstream';
  yield [`${side}_ssl_socket_factory.${stream}_context_secrets_not_ready`, stats.secretsNotReady];
}
