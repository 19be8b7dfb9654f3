// A request that the proxy itself makes to a cluster, with its whole answer: of filters that ask a service, and copies of requests.
// One try, bounded in time and size; goes over the cluster's own pools.
import type { FieldList, RequestHead, ResponseHead } from '#proxy/http/head';
import { localReset, type ResetReason, type ResponsePort } from '#proxy/http/port';
import { Timeout, type TimerWheel } from '#proxy/timer-wheel';
import { anyEndpoint } from './balance/pick-context.ts';
import type { Cluster } from './cluster.ts';
import type { ClusterManager } from './cluster-manager.ts';
import type { Endpoint } from './endpoint.ts';
import type { HttpPool, PoolWaiter, UpstreamRequest } from './http-pool.ts';

export interface CallRequest {
  readonly cluster: string;
  readonly head: RequestHead;
  readonly body: Buffer;
  readonly trailers?: FieldList;
  readonly timeoutMs: number;
  /** A larger answer is a failure. */
  readonly answerBytesMax: number;
}

export type CallResult =
  | { readonly kind: 'answer'; readonly head: ResponseHead; readonly body: Buffer; readonly trailers: FieldList }
  /** `reason`: in words, for logs and details. */
  | { readonly kind: 'failure'; readonly reason: string };

export interface CallContext {
  readonly clusters: ClusterManager;
  readonly timers: TimerWheel;
}

export class ClusterCall implements ResponsePort, PoolWaiter {
  private readonly timeout: Timeout;
  private readonly cluster: Cluster | undefined;
  private endpoint: Endpoint | undefined;
  private waiting: HttpPool | undefined;
  private connection: UpstreamRequest | undefined;
  private answer: ResponseHead | undefined;
  private chunks: Buffer[] = [];
  private bytes = 0;
  private done = false;

  /** `onResult` is called once, perhaps before this returns; never after `cancel`. */
  constructor(
    private readonly context: CallContext,
    private readonly request: CallRequest,
    private readonly onResult: (result: CallResult) => void,
  ) {
    this.timeout = new Timeout(() => this.giveUp('timeout'));
    this.cluster = context.clusters.get(request.cluster);
    this.start();
  }

  cancel(): void {
    this.end();
  }

  private start(): void {
    const { cluster, request } = this;
    if (cluster === undefined) {
      this.finish({ kind: 'failure', reason: `no cluster ${request.cluster}` });
      return;
    }
    const endpoint = cluster.pick(anyEndpoint);
    if (endpoint === undefined) {
      this.finish({ kind: 'failure', reason: `no healthy endpoint in ${request.cluster}` });
      return;
    }
    this.endpoint = endpoint;
    this.context.timers.set(this.timeout, request.timeoutMs);
    this.waiting = endpoint.pool(false, undefined, request.head.authority);
    this.waiting.acquire(this);
  }

  onConnection(connection: UpstreamRequest): void {
    const { head, body, trailers = [] } = this.request;
    this.waiting = undefined;
    this.connection = connection;
    this.cluster!.stats.upstream_rq_total++;
    this.cluster!.stats.upstream_rq_active++;
    this.endpoint!.stats.rq_total++;
    this.endpoint!.stats.rq_active++;
    connection.begin(this);
    connection.head(head, body.length === 0 && trailers.length === 0);
    if (body.length > 0) connection.body(body, 0, body.length, trailers.length === 0);
    if (trailers.length > 0) connection.trailers(trailers);
    connection.flush();
  }

  onPoolFailure(reason: ResetReason): void {
    this.waiting = undefined;
    this.finish({ kind: 'failure', reason: reason.kind });
  }

  head(head: ResponseHead, fin: boolean): void {
    if (head.status < 200) return;
    const { stats } = this.endpoint!;
    this.cluster!.stats.countResponse(head.status);
    if (head.status >= 500) stats.rq_error++;
    else stats.rq_success++;
    this.answer = head;
    if (fin) this.complete([]);
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    this.bytes += end - start;
    if (this.bytes > this.request.answerBytesMax) {
      this.giveUp(`the answer has more than ${this.request.answerBytesMax} bytes`);
      return end - start;
    }
    if (end > start) this.chunks.push(Buffer.from(buffer.subarray(start, end)));
    if (fin) this.complete([]);
    return end - start;
  }

  trailers(trailers: FieldList): void {
    this.complete(trailers);
  }

  abort(reason: ResetReason): void {
    this.release();
    this.endpoint!.stats.rq_error++;
    this.finish({ kind: 'failure', reason: reason.kind });
  }

  credit(): void {}

  flush(): void {}

  private complete(trailers: FieldList): void {
    this.release();
    this.finish({ kind: 'answer', head: this.answer!, body: Buffer.concat(this.chunks), trailers });
  }

  private giveUp(reason: string): void {
    const { done } = this;
    this.end();
    if (!done) this.onResult({ kind: 'failure', reason });
  }

  private finish(result: CallResult): void {
    if (this.done) return;
    this.done = true;
    this.context.timers.cancel(this.timeout);
    this.onResult(result);
  }

  /** The connection is no more ours. */
  private release(): UpstreamRequest | undefined {
    const { connection } = this;
    if (connection === undefined) return undefined;
    this.connection = undefined;
    this.cluster!.stats.upstream_rq_active--;
    this.endpoint!.stats.rq_active--;
    return connection;
  }

  private end(): void {
    if (this.done) return;
    this.done = true;
    this.context.timers.cancel(this.timeout);
    this.waiting?.cancel(this);
    this.waiting = undefined;
    this.release()?.abort(localReset);
  }
}
