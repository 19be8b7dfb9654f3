// Envoy's response flags: why an exchange ended other than well. A bit set, printed as Envoy's access log prints it.

export const responseFlag = {
  none: 0,
  noHealthyUpstream: 1 << 0,
  upstreamConnectionFailure: 1 << 1,
  upstreamOverflow: 1 << 2,
  noRouteFound: 1 << 3,
  upstreamRetryLimitExceeded: 1 << 4,
  noClusterFound: 1 << 5,
  upstreamRequestTimeout: 1 << 6,
  streamIdleTimeout: 1 << 7,
  downstreamConnectionTermination: 1 << 8,
  upstreamConnectionTermination: 1 << 9,
  upstreamRemoteReset: 1 << 10,
  localReset: 1 << 11,
  delayInjected: 1 << 12,
  faultInjected: 1 << 13,
  downstreamProtocolError: 1 << 14,
  upstreamProtocolError: 1 << 15,
  durationTimeout: 1 << 16,
  invalidEnvoyRequestHeaders: 1 << 17,
  rateLimited: 1 << 18,
  overloadManager: 1 << 19,
  unauthorizedExternalService: 1 << 20,
  rateLimitServiceError: 1 << 21,
} as const;

/** A set of flags: any of `responseFlag`'s values or-ed together. */
export type ResponseFlag = number;

const shortNames: readonly (readonly [ResponseFlag, string])[] = [
  [responseFlag.noHealthyUpstream, 'UH'],
  [responseFlag.upstreamConnectionFailure, 'UF'],
  [responseFlag.upstreamOverflow, 'UO'],
  [responseFlag.noRouteFound, 'NR'],
  [responseFlag.upstreamRetryLimitExceeded, 'URX'],
  [responseFlag.noClusterFound, 'NC'],
  [responseFlag.upstreamRequestTimeout, 'UT'],
  [responseFlag.streamIdleTimeout, 'SI'],
  [responseFlag.downstreamConnectionTermination, 'DC'],
  [responseFlag.upstreamConnectionTermination, 'UC'],
  [responseFlag.upstreamRemoteReset, 'UR'],
  [responseFlag.localReset, 'LR'],
  [responseFlag.delayInjected, 'DI'],
  [responseFlag.faultInjected, 'FI'],
  [responseFlag.downstreamProtocolError, 'DPE'],
  [responseFlag.upstreamProtocolError, 'UPE'],
  [responseFlag.durationTimeout, 'DT'],
  [responseFlag.invalidEnvoyRequestHeaders, 'IH'],
  [responseFlag.rateLimited, 'RL'],
  [responseFlag.overloadManager, 'OM'],
  [responseFlag.unauthorizedExternalService, 'UAEX'],
  [responseFlag.rateLimitServiceError, 'RLSE'],
];

const formatted = new Map<ResponseFlag, string>([[0, '-']]);

/** `UF,URX`, or `-` for none. */
export function formatResponseFlags(flags: ResponseFlag): string {
  let text = formatted.get(flags);
  if (text === undefined) {
    text = shortNames
      .filter(([flag]) => flags & flag)
      .map(([, name]) => name)
      .join(',');
    formatted.set(flags, text);
  }
  return text;
}
