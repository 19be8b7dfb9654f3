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
  noFilterConfigFound: 1 << 22,
} as const;

/** A set of flags: any of `responseFlag`'s values or-ed together. */
export type ResponseFlag = number;

/** As access logs print them, short and long. */
const names: readonly (readonly [ResponseFlag, short: string, long: string])[] = [
  [responseFlag.noHealthyUpstream, 'UH', 'NoHealthyUpstream'],
  [responseFlag.upstreamConnectionFailure, 'UF', 'UpstreamConnectionFailure'],
  [responseFlag.upstreamOverflow, 'UO', 'UpstreamOverflow'],
  [responseFlag.noRouteFound, 'NR', 'NoRouteFound'],
  [responseFlag.upstreamRetryLimitExceeded, 'URX', 'UpstreamRetryLimitExceeded'],
  [responseFlag.noClusterFound, 'NC', 'NoClusterFound'],
  [responseFlag.upstreamRequestTimeout, 'UT', 'UpstreamRequestTimeout'],
  [responseFlag.streamIdleTimeout, 'SI', 'StreamIdleTimeout'],
  [responseFlag.downstreamConnectionTermination, 'DC', 'DownstreamConnectionTermination'],
  [responseFlag.upstreamConnectionTermination, 'UC', 'UpstreamConnectionTermination'],
  [responseFlag.upstreamRemoteReset, 'UR', 'UpstreamRemoteReset'],
  [responseFlag.localReset, 'LR', 'LocalReset'],
  [responseFlag.delayInjected, 'DI', 'DelayInjected'],
  [responseFlag.faultInjected, 'FI', 'FaultInjected'],
  [responseFlag.downstreamProtocolError, 'DPE', 'DownstreamProtocolError'],
  [responseFlag.upstreamProtocolError, 'UPE', 'UpstreamProtocolError'],
  [responseFlag.durationTimeout, 'DT', 'DurationTimeout'],
  [responseFlag.invalidEnvoyRequestHeaders, 'IH', 'InvalidEnvoyRequestHeaders'],
  [responseFlag.rateLimited, 'RL', 'RateLimited'],
  [responseFlag.overloadManager, 'OM', 'OverloadManagerTerminated'],
  [responseFlag.unauthorizedExternalService, 'UAEX', 'UnauthorizedExternalService'],
  [responseFlag.rateLimitServiceError, 'RLSE', 'RateLimitServiceError'],
  [responseFlag.noFilterConfigFound, 'NFCF', 'NoFilterConfigFound'],
];

const formatted = new Map<ResponseFlag, string>([[0, '-']]);

/** `UF,URX`, or `-` for none. */
export function formatResponseFlags(flags: ResponseFlag): string {
  let text = formatted.get(flags);
  if (text === undefined) {
    text = namesOf(flags, 1);
    formatted.set(flags, text);
  }
  return text;
}

/** `UpstreamConnectionFailure,UpstreamRetryLimitExceeded`, or `-` for none. */
export function formatLongResponseFlags(flags: ResponseFlag): string {
  return flags === 0 ? '-' : namesOf(flags, 2);
}

/** The flag of a short name; undefined: none is called so. */
export function responseFlagOf(short: string): ResponseFlag | undefined {
  return names.find((name) => name[1] === short)?.[0];
}

function namesOf(flags: ResponseFlag, column: 1 | 2): string {
  return names
    .filter(([flag]) => flags & flag)
    .map((name) => name[column])
    .join(',');
}
