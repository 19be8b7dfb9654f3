// Checks what a parsed HTTP/1 request head means, and fills in its neutral form. Pure. RFC 9112 sections 3.2 and 3.3; whatever two
// hops could understand differently (whose host, which body) is refused here or in codec/http1/framing.ts.
import { fieldId, fieldKey } from '#codec/http1/field-names';
import type { HeadSpans } from '#codec/http1/head-spans';
import { decodeUpgradeSettings, type PeerSettings } from '#codec/http2/settings';
import { connectionOptions, type RawRequestHead } from './raw-head.ts';

/** The answer to a request that is not served, and why. */
export interface RequestFault {
  status: 400 | 417 | 426;
  reason: string;
}

/** An upgrade of the connection and not of the request: where it is not taken up, that goes on without it (RFC 9110 section 7.8). */
const http2 = 'h2c';
const http2SettingsKey = fieldKey('http2-settings');

/** host, or [IPv6], perhaps with a port. No userinfo, no comma, nothing that a URI's authority has no room for. */
const authorityPattern = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::(\d{1,5}))?$/;
const absolutePattern = /^(https?):\/\/([^/?]*)(.*)$/i;

/** What `connection` may not take away: framing and routing hang on it. */
const protectedNames = new Set(['host', 'content-length', 'transfer-encoding']);

export interface ConnectionIntent {
  /** The client wants the connection to stay. */
  keepAlive: boolean;
  /** The target was in absolute or authority form: the client takes us for its proxy. */
  explicitProxy: boolean;
  /** The `host` header last seen; empty: none yet. */
  host: string;
  /** Of a client that would rather go on in HTTP/2. */
  http2Settings: PeerSettings | undefined;
}

/** Fills `head` from its spans and `intent` from its connection options; returns what is wrong instead, if anything is. */
export function acceptRequest(head: RawRequestHead, intent: ConnectionIntent, acceptHttp10: boolean): RequestFault | undefined {
  const { spans } = head;
  if (spans.minor === 0 && !acceptHttp10) return { status: 426, reason: 'HTTP/1.0 is not served here' };
  const options = connectionOptions(spans);
  for (const option of options) if (protectedNames.has(option)) return bad(`connection names ${option}`);
  const hosts = spans.times[fieldId['host']]!;
  if (hosts > 1) return bad('host given twice');
  const host = spans.known(fieldId['host']) ?? '';
  if (hosts === 0 && spans.minor === 1) return bad('no host');
  // Nearly every request of a connection names the same host: one that was checked, and whose hash is known to the route tables.
  if (host !== intent.host) {
    if (host !== '' && !isAuthority(host)) return bad('malformed host');
    intent.host = host;
  }
  const expectation = spans.known(fieldId['expect']);
  if (expectation !== undefined && expectation.toLowerCase() !== '100-continue') return { status: 417, reason: `expect: ${expectation}` };
  intent.keepAlive = spans.minor === 1 ? !options.includes('close') : options.includes('keep-alive') && !options.includes('close');
  intent.explicitProxy = false;
  const upgrade = options.includes('upgrade') ? upgradeOf(spans) : '';
  intent.http2Settings = upgrade === http2 && options.includes('http2-settings') ? upgradeSettings(spans) : undefined;
  return acceptTarget(head, intent, options, upgrade === http2 ? '' : upgrade);
}

function isAuthority(text: string): boolean {
  const match = authorityPattern.exec(text);
  return match !== null && (match[1] === undefined || Number(match[1]) <= 65_535);
}

function upgradeOf(spans: HeadSpans): string {
  return (spans.known(fieldId['upgrade']) ?? '').toLowerCase();
}

/** Exactly one, and well formed. */
function upgradeSettings(spans: HeadSpans): PeerSettings | undefined {
  const line = spans.find(http2SettingsKey);
  return line < 0 || spans.find(http2SettingsKey, line + 1) >= 0 ? undefined : decodeUpgradeSettings(spans.value(line));
}

function acceptTarget(
  head: RawRequestHead,
  intent: ConnectionIntent,
  options: readonly string[],
  upgrade: string,
): RequestFault | undefined {
  const { host } = intent;
  const method = head.spans.method();
  const target = head.spans.target();
  if (method === 'CONNECT') {
    if (!isAuthority(target) || !/:0*[1-9]\d*$/.test(target)) return bad('CONNECT wants host:port');
    intent.explicitProxy = true;
    // A tunnel is an upgrade to whatever the two ends speak.
    head.accept({ method, path: '', authority: target, scheme: 'http', upgrade: 'connect', originForm: false }, options);
    return undefined;
  }
  if (target.charCodeAt(0) === 47 || (target === '*' && method === 'OPTIONS')) {
    if (host === '' && head.spans.minor === 1) return bad('empty host');
    head.accept({ method, path: target, authority: host, scheme: 'http', upgrade, originForm: true }, options);
    return undefined;
  }
  const absolute = absolutePattern.exec(target);
  if (absolute === null) return bad('malformed request target');
  const [, scheme = '', authority = '', rest = ''] = absolute;
  if (!isAuthority(authority)) return bad('malformed authority in the request target');
  intent.explicitProxy = true;
  // The target's authority replaces the host that came beside it: RFC 9112 section 3.2.2.
  const path = rest.startsWith('/') ? rest : `/${rest}`;
  head.accept({ method, path, authority, scheme: scheme.toLowerCase(), upgrade, originForm: false }, options);
  return undefined;
}

function bad(reason: string): RequestFault {
  return { status: 400, reason };
}
