// How long a whole exchange may take: Envoy's max_stream_duration, and gRPC's deadline as the client's `grpc-timeout` says it. Pure.
import type { HttpStream, LocalReply } from '#proxy/http/stream';
import type { StreamDuration } from '#proxy/route/route';
import { responseFlag } from '#telemetry/response-flags';

const deadlineExceeded = 4;

export const durationReached: LocalReply = {
  status: 408,
  flags: responseFlag.durationTimeout,
  details: 'max_duration_timeout',
  body: 'downstream duration timeout',
  grpcStatus: deadlineExceeded,
};

/** 0: no end. */
export function streamDurationMs({ maxMs, grpcTimeoutMaxMs, grpcTimeoutOffsetMs }: StreamDuration, stream: HttpStream): number {
  if (grpcTimeoutMaxMs === undefined || stream.requestProtocol !== 'grpc') return maxMs;
  const asked = grpcTimeoutMs(stream.request.header('grpc-timeout'));
  if (asked === undefined) return maxMs;
  const offset = asked > grpcTimeoutOffsetMs ? asked - grpcTimeoutOffsetMs : asked;
  return grpcTimeoutMaxMs === 0 ? offset : Math.min(offset, grpcTimeoutMaxMs);
}

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** gRPC over HTTP/2: at most eight digits and a unit. */
function grpcTimeoutMs(text: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text ?? '');
  return match === null ? undefined : Math.max(1, Number(match[1]) * unitsMs[match[2]!]!);
}
