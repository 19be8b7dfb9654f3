// What Istio asks of the TLS of a server, in a Gateway or in the ingress of a Sidecar, beyond its structure.
import type { Server } from '../kinds/gateway.ts';
import type { Report } from './report.ts';

type ServerTls = NonNullable<Server['tls']>;

export function checkTlsOptions(tls: ServerTls, at: string, report: Report): void {
  warnOfCiphers(tls, at, report);
  if (tls.mode === 'ISTIO_MUTUAL') checkNoCertificates(tls, at, report);
  else checkCertificates(tls, at, report);
}

function checkCertificates(tls: ServerTls, at: string, report: Report): void {
  const { mode, serverCertificate, privateKey, credentialName, credentialNames, tlsCertificates = [] } = tls;
  if (mode === undefined || mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH') {
    if (certificateFields.some((name) => tls[name]?.length))
      report.warning('NO_EFFECT', at, 'TLS is passed through: the certificates are not used');
  }
  const sources = [serverCertificate && privateKey, credentialName, credentialNames?.length, tlsCertificates.length];
  if (sources.filter(Boolean).length > 1) {
    const message = 'only one of credentialName, credentialNames, serverCertificate with privateKey, tlsCertificates may be given';
    report.error('CONFLICTING_FIELDS', at, message, 'keep one of them');
  }
  const terminates = mode === 'SIMPLE' || mode === 'MUTUAL' || mode === 'OPTIONAL_MUTUAL';
  // Credentials come over SDS, with all that belongs to them.
  if (!terminates || credentialName || credentialNames?.length) return;
  if (mode !== 'SIMPLE' && !tls.caCertificates) {
    report.error('MISSING_FIELD', `${at}.caCertificates`, `mode ${mode} requires the certificates of its clients' authority`);
  }
  const certificates = tlsCertificates.length > 0 ? tlsCertificates : [{ serverCertificate, privateKey }];
  if (certificates.some((each) => !each.serverCertificate || !each.privateKey)) {
    report.error('MISSING_FIELD', at, `mode ${mode} requires a certificate`, 'give credentialName, or serverCertificate and privateKey');
  }
  if (tls.caCrl && mode === 'SIMPLE')
    report.error('CONFLICTING_FIELDS', `${at}.caCrl`, 'mode SIMPLE asks for no certificate that could be revoked');
}

const certificateFields = [
  'serverCertificate',
  'privateKey',
  'caCertificates',
  'tlsCertificates',
  'credentialName',
  'credentialNames',
  'caCrl',
] as const;

function checkNoCertificates(tls: ServerTls, at: string, report: Report): void {
  const given = certificateFields.find((name) => name !== 'caCrl' && tls[name]?.length);
  if (given) {
    report.error(
      'CONFLICTING_FIELDS',
      `${at}.${given}`,
      'mode ISTIO_MUTUAL uses the certificates of the mesh',
      'leave certificates and keys out',
    );
  }
}

/** Of TLS 1.2 and below, by OpenSSL's names. */
const cipherSuites = [
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA'],
  ...[
    'ECDHE-ECDSA-AES256-SHA',
    'ECDHE-RSA-AES256-SHA',
    'AES128-GCM-SHA256',
    'AES256-GCM-SHA384',
    'AES128-SHA',
    'AES256-SHA',
    'DES-CBC3-SHA',
  ],
];

function warnOfCiphers({ cipherSuites: suites = [], minProtocolVersion }: ServerTls, at: string, report: Report): void {
  if ((minProtocolVersion === 'TLSV1_0' || minProtocolVersion === 'TLSV1_1') && suites.length === 0) {
    report.warning(
      'NO_EFFECT',
      `${at}.minProtocolVersion`,
      'no cipher suite of this version is on by default',
      'list them in cipherSuites',
    );
  }
  for (const [index, suite] of suites.entries()) {
    const field = `${at}.cipherSuites[${index}]`;
    // Expressions such as -ALL begin with an operator.
    if (/^[\p{L}\p{N}]/u.test(suite) && suite !== 'ALL' && !cipherSuites.includes(suite)) {
      report.warning('UNKNOWN_VALUE', field, `unknown cipher suite "${suite}": it is left out`, `known: ${cipherSuites.join(', ')}`);
    } else if (suites.indexOf(suite) < index) report.warning('DUPLICATE_NAME', field, `cipher suite "${suite}" is given twice`);
  }
}
