// TLS that a DestinationRule originates without looking who answers.
import type { DestinationRule, TrafficPolicy } from '#api/kinds/destination-rule';
import { analyzer, type Finding, finding } from '../analyzer.ts';

const hint = 'set tls.caCertificates';

function* check(object: DestinationRule): Iterable<Finding> {
  const { trafficPolicy, host, workloadSelector } = object.spec;
  // A credential is read for selected workloads alone: other sidecars may not read Secrets.
  const unverified = (tls: TrafficPolicy['tls']) =>
    (tls?.mode === 'SIMPLE' || tls?.mode === 'MUTUAL') && !tls.caCertificates && !(workloadSelector && tls.credentialName);
  const message = (tls: TrafficPolicy['tls'], port = '') =>
    `TLS mode ${tls?.mode} for ${host}${port} does not verify the server's certificate`;
  if (unverified(trafficPolicy?.tls)) yield finding('IST0128', object, 'spec.trafficPolicy.tls', message(trafficPolicy?.tls), hint);
  for (const [index, { tls, port }] of (trafficPolicy?.portLevelSettings ?? []).entries()) {
    if (!unverified(tls)) continue;
    yield finding('IST0129', object, `spec.trafficPolicy.portLevelSettings[${index}].tls`, message(tls, ` port ${port?.number}`), hint);
  }
}

export const caCertificates = analyzer('destinationrule.CaCertificateAnalyzer', ['networking.istio.io/DestinationRule'], check);
