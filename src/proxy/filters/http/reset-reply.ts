// What a client is told when the upstream gave no response: Envoy's status, flags, details and body for each reason. Pure.
import type { ResetReason } from '#proxy/http/port';
import type { LocalReply } from '#proxy/http/stream';
import { type ResponseFlag, responseFlag } from '#telemetry/response-flags';

const words: Record<ResetReason['kind'], string> = {
  'connect-failure': 'remote connection failure',
  'connect-timeout': 'connection timeout',
  'connection-termination': 'connection termination',
  'protocol-error': 'protocol error',
  'remote-reset': 'remote reset',
  'refused-stream': 'remote refused stream reset',
  overflow: 'overflow',
  'local-reset': 'local reset',
};

const flags: Record<ResetReason['kind'], ResponseFlag> = {
  'connect-failure': responseFlag.upstreamConnectionFailure,
  'connect-timeout': responseFlag.upstreamConnectionFailure,
  'connection-termination': responseFlag.upstreamConnectionTermination,
  'protocol-error': responseFlag.upstreamProtocolError,
  'remote-reset': responseFlag.upstreamRemoteReset,
  'refused-stream': responseFlag.upstreamRemoteReset,
  overflow: responseFlag.upstreamOverflow,
  'local-reset': responseFlag.localReset,
};

const systemReasons = new Map([
  ['ECONNREFUSED', 'Connection refused'],
  ['EHOSTUNREACH', 'No route to host'],
  ['ENETUNREACH', 'Network is unreachable'],
  ['ETIMEDOUT', 'Connection timed out'],
  ['ECONNRESET', 'Connection reset by peer'],
]);

/** `word`: as `response_code_details` has it; `transportFailure`: for `%UPSTREAM_TRANSPORT_FAILURE_REASON%`. */
export function describeReset(reason: ResetReason): LocalReply & { word: string; transportFailure: string } {
  const word = words[reason.kind];
  const transportFailure =
    reason.kind === 'connect-failure' ? `delayed connect error: ${systemReasons.get(reason.detail) ?? reason.detail}` : '';
  const because = transportFailure === '' ? '' : `, transport failure reason: ${transportFailure}`;
  const detail = (word + (transportFailure === '' ? '' : `|${transportFailure}`)).replaceAll(' ', '_');
  return {
    status: reason.kind === 'protocol-error' ? 502 : 503,
    flags: flags[reason.kind],
    details: `upstream_reset_before_response_started{${detail}}`,
    body: `upstream connect error or disconnect/reset before headers. reset reason: ${word}${because}`,
    word: detail,
    transportFailure,
  };
}

/** Safe to send again although it may have been received: RFC 9110 section 9.2.2. */
export function idempotent(method: string): boolean {
  return /^(?:GET|HEAD|OPTIONS|TRACE|PUT|DELETE)$/.test(method);
}
