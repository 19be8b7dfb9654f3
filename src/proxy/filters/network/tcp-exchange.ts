// What access logs and metrics see of a TCP connection.
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { ProxiedExchange } from '#proxy/runtime';
import { type ResponseFlag, responseFlag } from '#telemetry/response-flags';

export class TcpExchange implements ProxiedExchange {
  readonly requestProtocol = 'tcp';
  readonly protocol = '';
  readonly method = '';
  readonly originalPath = '';
  readonly path = '';
  readonly authority = '';
  readonly scheme = '';
  readonly status = 0;
  flags: ResponseFlag = responseFlag.none;
  details = '';
  durationMs = 0;
  readonly requestMs = -1;
  responseFirstByteMs = -1;
  readonly upstreamServiceMs = -1;
  bytesReceived = 0;
  bytesSent = 0;
  upstreamHost = '';
  upstreamLocal = '';
  upstreamCluster = '';
  upstreamFailure = '';
  attempts = 0;
  readonly routeName = '';
  readonly virtualHost = '';
  readonly upstreamProtocol = '';
  readonly localReplyBody = '';
  readonly trace = undefined;
  readonly operation = '';
  connectionTerminationDetails = '';
  service: ProxiedExchange['service'];
  workload = '';
  readonly downstreamPeer = undefined;
  readonly upstreamPeer = undefined;

  constructor(
    readonly connection: DownstreamConnection,
    readonly startMs: number,
    readonly startWallMs: number,
  ) {}

  get downstreamRemote(): string {
    return `${this.connection.remoteAddress}:${this.connection.remotePort}`;
  }

  get downstreamLocal(): string {
    return `${this.connection.localAddress}:${this.connection.localPort}`;
  }

  get requestedServerName(): string {
    return this.connection.serverName;
  }

  requestHeader(_name: string): undefined {
    return undefined;
  }

  responseHeader(_name: string): undefined {
    return undefined;
  }

  responseTrailer(_name: string): undefined {
    return undefined;
  }

  metadataOf(_filter: string): undefined {
    return undefined;
  }
}
