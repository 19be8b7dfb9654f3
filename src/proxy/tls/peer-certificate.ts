// Whether the other end of a TLS connection is who it must be, by Envoy's rules for validation contexts; and what access logs and
// headers say of its certificate.
import { createHash } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { TlsValidation } from '#proxy/config/tls';
import type { ConnectionTls, PeerIdentity } from '#telemetry/exchange';

/** Why the peer is refused; undefined when it is not. A peer without a certificate is the caller's to judge. */
export function peerFault(socket: TLSSocket, validation: TlsValidation | undefined): string | undefined {
  if (validation === undefined) return undefined;
  const certificate = socket.getPeerCertificate();
  if (validation.trustedCa !== undefined && !validation.acceptUntrusted && !socket.authorized) {
    const reason = String(socket.authorizationError ?? 'not authorized');
    if (!(validation.allowExpired && reason === 'CERT_HAS_EXPIRED')) return reason;
  }
  const { subjectAltNames, certificateHashes, publicKeyHashes } = validation;
  if (certificateHashes.length > 0 && !certificateHashes.includes(sha256(certificate.raw).digest('hex'))) {
    return 'CERTIFICATE_HASH_MISMATCH';
  }
  if (publicKeyHashes.length > 0 && !publicKeyHashes.includes(sha256(publicKeyOf(socket)).digest('base64'))) {
    return 'PUBLIC_KEY_HASH_MISMATCH';
  }
  if (subjectAltNames.length === 0) return undefined;
  const names = subjectAltNamesOf(certificate);
  const matched = names.some(({ type, value }) => subjectAltNames.some((wanted) => wanted.type === type && wanted.test(value)));
  return matched ? undefined : 'SUBJECT_ALT_NAME_MISMATCH';
}

/** Of a connection that was accepted and is secured. */
export function describeTls(socket: TLSSocket): ConnectionTls {
  const certificate = hasCertificate(socket) ? socket.getPeerCertificate() : undefined;
  return {
    // Node says false where the client named no server.
    serverName: socket.servername || '',
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
    peer: certificate && describePeer(certificate),
  };
}

function describePeer(certificate: PeerCertificate): PeerIdentity {
  const names = subjectAltNamesOf(certificate);
  const named = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    uriNames: named('URI'),
    dnsNames: named('DNS'),
    hash: sha256(certificate.raw).digest('hex'),
    serial: certificate.serialNumber.toLowerCase(),
    validFromMs: Date.parse(certificate.valid_from),
    validToMs: Date.parse(certificate.valid_to),
  };
}

/** RFC 2253: the most specific part first. */
function distinguishedName(subject: PeerCertificate['subject']): string {
  const parts = Object.entries(subject).flatMap(([key, value]) =>
    [value].flat().map((each) => `${key}=${(each ?? '').replace(/([,+"\\<>;=])/g, '\\$1')}`),
  );
  return parts.reverse().join(',');
}

export function hasCertificate(socket: TLSSocket): boolean {
  return Object.keys(socket.getPeerCertificate()).length > 0;
}

/** `type` as OpenSSL writes it: `DNS`, `URI`, `IP Address`, `email`. */
function subjectAltNamesOf(certificate: PeerCertificate): { type: string; value: string }[] {
  // Node quotes a value (as JSON) that has a comma or a quote of its own.
  const pattern = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;
  return [...(certificate.subjectaltname ?? '').matchAll(pattern)].map(([, type = '', value = '']) => ({
    type,
    value: value.startsWith('"') ? (JSON.parse(value) as string) : value,
  }));
}

function sha256(bytes: Buffer) {
  return createHash('sha256').update(bytes);
}

/** DER of SubjectPublicKeyInfo, which `PeerCertificate.pubkey` is not for every kind of key. */
function publicKeyOf(socket: TLSSocket): Buffer {
  return socket.getPeerX509Certificate()!.publicKey.export({ type: 'spki', format: 'der' });
}
