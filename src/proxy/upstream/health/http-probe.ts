// Checks by a request: HTTP with a status to be expected, and gRPC's own protocol (grpc.health.v1.Health/Check).

import { Field, fieldName } from '#codec/http2/field';
import { healthCheckPath } from '#codec/protobuf/grpc-health';
import type { ProbeConfig } from '#proxy/config/health-check';
import type { FieldList, RequestHead, ResponseHead } from '#proxy/http/head';
import { localReset, type ResetReason, type ResponsePort } from '#proxy/http/port';
import { ListedRequestHead } from '#proxy/http2/listed-head';
import type { Endpoint } from '../endpoint.ts';
import type { HttpPool, PoolWaiter, UpstreamRequest } from '../http-pool.ts';
import { healthRequest, isServing } from './grpc-health.ts';
import type { Probe, ProbeResult } from './probe.ts';

type RequestProbeConfig = Exclude<ProbeConfig, { kind: 'tcp' }>;

/** More of an answer than this is not kept: those of gRPC are a few bytes. */
const answerBytesMax = 1024;

export class HttpProbe implements Probe, PoolWaiter, ResponsePort {
  private readonly pool: HttpPool;
  private connection: UpstreamRequest | undefined;
  private answer = Buffer.alloc(0);
  private over = false;
  private readonly clusterName: string;

  constructor(
    endpoint: Endpoint,
    private readonly config: RequestProbeConfig,
    private readonly done: (result: ProbeResult) => void,
  ) {
    const { protocol, name } = endpoint.context.config;
    this.pool = endpoint.pool(protocol === 'http2');
    this.clusterName = name;
    this.pool.acquire(this);
  }

  cancel(): void {
    this.over = true;
    this.pool.cancel(this);
    this.connection?.abort(localReset);
  }

  onConnection(connection: UpstreamRequest): void {
    const { config, clusterName } = this;
    this.connection = connection;
    connection.begin(this);
    if (config.kind === 'http') {
      connection.head(requestHead(config.method, config.path, config.host || clusterName, config.headers), true);
    } else {
      const fields = [
        ['content-type', 'application/grpc'],
        ['te', 'trailers'],
      ] as const;
      const message = healthRequest(config.service);
      connection.head(requestHead('POST', healthCheckPath, config.authority || clusterName, fields), false);
      connection.body(message, 0, message.length, true);
    }
    connection.flush();
  }

  onPoolFailure(): void {
    this.finish('broken');
  }

  head(head: ResponseHead, fin: boolean): void {
    if (head.status < 200) return;
    if (this.config.kind === 'http') this.judgeStatus(head);
    else if (head.status !== 200) this.finish('broken');
    else if (fin) this.judgeCall(head.header('grpc-status'));
  }

  body(buffer: Buffer, start: number, end: number, _fin: boolean): number {
    if (this.answer.length < answerBytesMax) this.answer = Buffer.concat([this.answer, buffer.subarray(start, end)]);
    return end - start;
  }

  trailers(trailers: FieldList): void {
    if (this.config.kind === 'grpc') this.judgeCall(trailers.find(([name]) => name === 'grpc-status')?.[1]);
  }

  abort(_reason: ResetReason): void {
    this.finish('broken');
  }

  credit(): void {}
  flush(): void {}

  private judgeStatus(head: ResponseHead): void {
    const { expected, retriable } = this.config as Extract<ProbeConfig, { kind: 'http' }>;
    if (!expected(head.status)) this.finish(retriable(head.status) ? 'broken' : 'unhealthy');
    else this.finish(head.has('x-envoy-degraded') ? 'degraded' : 'healthy');
  }

  private judgeCall(status: string | undefined): void {
    if (status !== '0') this.finish('broken');
    else this.finish(isServing(this.answer) ? 'healthy' : 'unhealthy');
  }

  private finish(result: ProbeResult): void {
    if (this.over) return;
    this.over = true;
    this.done(result);
  }
}

function requestHead(method: string, path: string, authority: string, headers: FieldList): RequestHead {
  const fields = [['user-agent', 'Envoy/HC'] as const, ...headers].map(([name, value]) => new Field(fieldName(name), value));
  return new ListedRequestHead({ method, path, authority, scheme: 'http', protocol: '', fields, status: 0, contentLength: -1 });
}
