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
