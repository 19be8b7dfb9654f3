// Gateways of the same proxies that use one certificate: a browser reuses a connection to one for the other (RFC 9113, 9.1.1).
import { keyOf } from '#api/kind';
import type { Gateway, Server } from '#api/kinds/gateway';
import { analyzer, type Finding, finding, isSame } from '../analyzer.ts';
import { selects } from '../labels.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/Gateway';

const byCertificate = (resources: Resources) =>
  grouped(resources.all<Gateway>(kind).flatMap((gateway) => certificatesOf(gateway).map((certificate) => [certificate, gateway] as const)));

function certificatesOf({ spec }: Gateway): string[] {
  return [...new Set((spec.servers ?? []).flatMap(({ tls }) => certificateOf(tls) ?? []))];
}

function certificateOf(tls: Server['tls']): string | undefined {
  if (tls?.credentialName) return `credential ${tls.credentialName}`;
  return tls?.serverCertificate && tls.privateKey ? `file ${tls.serverCertificate}` : undefined;
}

function* check(object: Gateway, resources: Resources): Iterable<Finding> {
  for (const certificate of certificatesOf(object)) {
    const others = resources.derived(byCertificate).get(certificate) ?? [];
    for (const other of others) {
      if (isSame(other, object) || !selects(object.spec.selector ?? {}, other.spec.selector)) continue;
      const message = `Gateway ${keyOf(other.metadata)} uses the certificate of this one: requests may reach the wrong one of them`;
      yield finding('IST0138', object, 'metadata.name', message, 'put their servers into one Gateway, or use a certificate each');
    }
  }
}

export const gatewayCertificate = analyzer('gateway.CertificateAnalyzer', [kind], check);
