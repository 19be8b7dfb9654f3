// One request on its way to a cluster: tries, each with an endpoint and a connection of its pool; timeouts; retries; and what the
// client is told when all fails. The response passes through to the stream. Made by router.ts.

import type { Word64 } from '#codec/hash/word64';
import { type SocketAddress, splitAuthority } from '#proxy/config/socket-address';
import { FieldCache } from '#proxy/http/field-cache';
import { httpStatusOfGrpc } from '#proxy/http/grpc';
import type { FieldList, ResponseHead } from '#proxy/http/head';
import { localReset, overflow, type ResetReason, type ResponsePort } from '#proxy/http/port';
import type { HttpStream, Pending } from '#proxy/http/stream';
import type { ForwardAction, Mirror, RetryPolicy } from '#proxy/route/route';
import { Timeout } from '#proxy/timer-wheel';
import { readLoadReport } from '#proxy/upstream/balance/load-report';
import type { PickContext } from '#proxy/upstream/balance/pick-context';
import type { Cluster } from '#proxy/upstream/cluster';
import { usageCell } from '#proxy/upstream/cluster-usage';
import type { Endpoint } from '#proxy/upstream/endpoint';
import type { HttpPool, PoolWaiter, UpstreamRequest } from '#proxy/upstream/http-pool';
import { TunnelConnection } from '#proxy/upstream/tunnel-connection';
import { responseFlag } from '#telemetry/response-flags';
import { RequestAffinity } from './request-affinity.ts';
import { describeReset, idempotent } from './reset-reply.ts';
import { noRetry, type RetryDecision, RetryState, retriesReset, retriesStatus, wantsRetries } from './retry-state.ts';
import { chooseMirrors, sendCopies } from './shadow.ts';
import { durationReached, streamDurationMs } from './stream-duration.ts';

type Upstream = UpstreamRequest | TunnelConnection;

const noMirrors: readonly Mirror[] = [];
/** Interim responses (1xx) that a request may get; each costs us more than the upstream. */
const interimHeadsMax = 100;

const attemptCounts = new FieldCache('x-envoy-attempt-count', 64);
const serviceTimes = new FieldCache('x-envoy-upstream-service-time', 1024);

export class Forwarding implements ResponsePort, PoolWaiter, Pending, PickContext {
  readonly picksMax: number;
  private connection: Upstream | undefined;
  private endpoint: Endpoint | undefined;
  /** Where a connection is waited for. */
  private waiting: HttpPool | undefined;
  /** There when the route allows retries, of this kind of request. */
  private readonly policy: RetryPolicy | undefined;
  private retry: RetryState | undefined;
  private affinity: RequestAffinity | undefined;
  private tryStartMs = 0;
  /** One more try was made because a kept connection turned out to be dead: at most once. */
  private replacedDead = false;
  private timeout: Timeout | undefined;
  private tryTimeout: Timeout | undefined;
  private backoffTimeout: Timeout | undefined;
  /** Of the whole exchange. */
  private durationTimeout: Timeout | undefined;
  /** The upstream's response has come to its end. */
  private answered = false;
  private interimHeads = 0;
  private readonly mirrors: readonly Mirror[];

  constructor(
    private readonly stream: HttpStream,
    private readonly action: ForwardAction,
    private readonly cluster: Cluster,
    private readonly suppressEnvoyHeaders: boolean,
  ) {
    const { retry } = action;
    this.picksMax = 1 + (retry?.hostSelectionRetriesMax ?? 0);
    if (retry !== undefined && retry.retriesMax > 0 && stream.request.upgrade === '' && wantsRetries(retry, stream)) this.policy = retry;
    this.mirrors = action.mirrors.length === 0 ? noMirrors : chooseMirrors(stream, action.mirrors);
  }

  start(): void {
    const { stream, action } = this;
    stream.pending = this;
    stream.keepBody = this.policy !== undefined || this.mirrors.length > 0;
    if (action.timeoutMs > 0 && stream.request.upgrade === '') {
      if (!this.suppressEnvoyHeaders) stream.request.set('x-envoy-expected-rq-timeout-ms', String(action.timeoutMs));
      this.timeout = new Timeout(() => this.onTimeout('response_timeout'));
    }
    const durationMs = action.duration === undefined ? 0 : streamDurationMs(action.duration, stream);
    if (durationMs > 0) {
      this.durationTimeout = new Timeout(() => stream.reply(durationReached));
      stream.manager.runtime.timers.set(this.durationTimeout, durationMs);
    }
    if (stream.requestDone) this.requestEnded();
    this.try();
  }

  /** Envoy counts the route's timeout from the end of the request. */
  requestEnded(): void {
    if (this.timeout !== undefined) this.stream.manager.runtime.timers.set(this.timeout, this.action.timeoutMs);
    if (this.mirrors.length > 0) sendCopies(this.stream, this.mirrors, this.action.timeoutMs);
  }

  /** The stream has ended. */
  cancel(): void {
    const { timers } = this.stream.manager.runtime;
    if (this.timeout !== undefined) timers.cancel(this.timeout);
    if (this.tryTimeout !== undefined) timers.cancel(this.tryTimeout);
    if (this.backoffTimeout !== undefined) timers.cancel(this.backoffTimeout);
    if (this.durationTimeout !== undefined) timers.cancel(this.durationTimeout);
    // A reply of our own ends the stream as well, while the upstream is still at it.
    if (this.answered && this.stream.finished) this.endTry();
    else this.giveUpTry();
    this.retry?.settle();
  }

  // --- One try.

  private try(): void {
    const { stream, cluster } = this;
    if (cluster.stats.usage.reaches(usageCell.requests, cluster.config.circuitBreaker.requestsMax)) {
      cluster.stats.upstream_rq_pending_overflow++;
      this.fail(overflow, true);
      return;
    }
    const endpoint = this.pick();
    if (endpoint === undefined) {
      stream.reply({ status: 503, flags: responseFlag.noHealthyUpstream, details: 'no_healthy_upstream', body: 'no healthy upstream' });
      return;
    }
    this.endpoint = endpoint;
    stream.attempts++;
    stream.upstreamHost = endpoint.name;
    stream.workload = endpoint.config.workload;
    if (this.action.countsAttempts) stream.request.setField(attemptCounts.of(stream.attempts));
    this.tryStartMs = stream.manager.runtime.clock.now();
    const perTryTimeoutMs = this.action.retry?.perTryTimeoutMs ?? 0;
    if (perTryTimeoutMs > 0) {
      this.tryTimeout ??= new Timeout(() => this.onTryTimeout());
      stream.manager.runtime.timers.set(this.tryTimeout, perTryTimeoutMs);
    }
    if (stream.request.method === 'CONNECT') {
      this.attach(new TunnelConnection(endpoint, this));
      return;
    }
    this.waiting = endpoint.pool(stream.protocol === 'HTTP/2', stream.alpnOffers, stream.request.authority);
    this.waiting.acquire(this);
  }

  /** Later tries are balanced, whatever a filter has said of the first: Envoy's rule. */
  private pick(): Endpoint | undefined {
    const { cluster, stream } = this;
    const { hostOverride } = stream;
    const named = hostOverride && stream.attempts === 0 ? cluster.named(hostOverride.address) : undefined;
    return named ?? (hostOverride?.strict ? undefined : cluster.pick(this));
  }

  onConnection(connection: UpstreamRequest): void {
    this.waiting = undefined;
    connection.begin(this);
    this.attach(connection);
  }

  onPoolFailure(reason: ResetReason): void {
    this.waiting = undefined;
    this.fail(reason, false);
  }

  private attach(connection: Upstream): void {
    const { stream, cluster, endpoint } = this;
    this.connection = connection;
    cluster.stats.upstream_rq_total++;
    cluster.window?.note(this.tryStartMs);
    cluster.stats.upstream_rq_active++;
    endpoint!.stats.rq_total++;
    endpoint!.stats.rq_active++;
    stream.upstreamLocal = connection.localAddress;
    stream.upstreamProtocol = connection.protocol;
    stream.connect(connection);
  }

  // --- What balancing asks.

  destination(): SocketAddress | undefined {
    const { connection, explicitProxy, request } = this.stream;
    return explicitProxy ? splitAuthority(request.authority, request.scheme === 'https' ? 443 : 80) : connection.originalDestination;
  }

  namedHost(): SocketAddress | undefined {
    return splitAuthority(this.stream.request.authority, this.cluster.config.tls === undefined ? 80 : 443);
  }

  /** Made once: later tries are to find the same endpoint, or the next behind it. */
  hash(): Word64 | undefined {
    this.affinity ??= new RequestAffinity(this.stream, this.action.hashPolicies);
    return this.affinity.hash;
  }

  avoids(endpoint: Endpoint): boolean {
    return this.retry?.avoids(endpoint) ?? false;
  }

  get excludedPriorities(): ReadonlySet<number> | undefined {
    return this.retry?.excludedPriorities;
  }

  /** The try is over, well or not: its connection is no more ours. */
  private endTry(): void {
    if (this.connection === undefined) return;
    this.connection = undefined;
    this.stream.disconnect();
    this.cluster.stats.upstream_rq_active--;
    this.endpoint!.stats.rq_active--;
    if (this.tryTimeout !== undefined) this.stream.manager.runtime.timers.cancel(this.tryTimeout);
  }

  private giveUpTry(): void {
    const { connection } = this;
    this.waiting?.cancel(this);
    if (this.waiting !== undefined || connection !== undefined) this.cluster.stats.upstream_rq_cancelled++;
    this.waiting = undefined;
    if (connection === undefined) return;
    this.cluster.stats.upstream_rq_tx_reset++;
    this.endTry();
    connection.abort(localReset);
  }

  // --- The response port.

  head(head: ResponseHead, fin: boolean): void {
    const { stream, cluster, endpoint } = this;
    if (head.status < 200 && head.status !== 101) {
      this.inform(head);
      return;
    }
    cluster.stats.countResponse(head.status);
    if (head.status >= 500) endpoint!.stats.rq_error++;
    else endpoint!.stats.rq_success++;
    if (endpoint!.monitor !== undefined) this.judgeHead(head, fin);
    if (endpoint!.load !== undefined) this.hear((name) => head.header(name));
    if (this.policy !== undefined && retriesStatus(this.policy, head)) {
      const decision = this.decideRetry();
      if (decision.kind === 'retry') {
        if (fin && stream.requestDone) this.endTry();
        else this.giveUpTry();
        this.tryLater(decision.delayMs);
        return;
      }
    } else if (this.retry !== undefined && this.retry.retries > 0) {
      cluster.stats.upstream_rq_retry_success++;
    }
    if (this.tryTimeout !== undefined) stream.manager.runtime.timers.cancel(this.tryTimeout);
    const now = stream.manager.runtime.clock.now();
    stream.responseFirstByteMs = now - stream.startMs;
    stream.upstreamServiceMs = Math.round(now - this.tryStartMs);
    if (!this.suppressEnvoyHeaders) head.setField(serviceTimes.of(stream.upstreamServiceMs));
    this.affinity?.setCookies(head);
    stream.upstreamLocal = this.connection!.localAddress;
    if (fin) this.endResponse();
    stream.respond(head, fin);
  }

  private inform(head: ResponseHead): void {
    if (++this.interimHeads <= interimHeadsMax) {
      this.stream.inform(head);
      return;
    }
    this.connection!.abort(localReset);
    this.abort({ kind: 'protocol-error', detail: 'interim responses without end' });
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    if (fin) this.endResponse();
    return this.stream.respondBody(buffer, start, end, fin);
  }

  trailers(trailers: FieldList): void {
    const trailer = (wanted: string) => trailers.find(([name]) => name === wanted)?.[1];
    const byStatus = this.cluster.config.failedAnswers === undefined;
    if (byStatus && this.stream.requestProtocol === 'grpc') this.judge(200, trailer('grpc-status'), true);
    if (this.endpoint!.load !== undefined) this.hear(trailer);
    this.endResponse();
    this.stream.respondTrailers(trailers);
  }

  abort(reason: ResetReason): void {
    const { stream, cluster } = this;
    // Of a tunnel that both sides have ended, nobody waits for the close.
    if (this.connection === undefined) return;
    const reused = this.connection.reused;
    const sent = reason.kind !== 'connect-failure' && reason.kind !== 'connect-timeout';
    this.endTry();
    this.endpoint!.stats.rq_error++;
    if (sent) cluster.stats.upstream_rq_rx_reset++;
    else cluster.stats.upstream_rq_pending_failure_eject++;
    if (stream.responseStarted) {
      const { flags, word } = describeReset(reason);
      stream.flags |= flags;
      this.endpoint!.monitor?.failed(503);
      stream.breakOff(`upstream_reset_after_response_started{${word}}`);
      return;
    }
    // A kept connection may have been closed by the upstream just before the request came; or it says that it did not look at it.
    const dead = reason.kind === 'connection-termination' && reused && idempotent(stream.method);
    if ((dead || reason.kind === 'refused-stream') && !this.replacedDead && this.mayRepeat) {
      this.replacedDead = true;
      this.try();
      return;
    }
    this.endpoint!.monitor?.failed(503);
    this.fail(reason, sent);
  }

  credit(bytes: number): void {
    this.stream.requestCredit(bytes);
  }

  flush(): void {
    this.stream.downstream.flush();
  }

  /** Where the cluster says which answers are failures, these and no others are. */
  private judgeHead(head: ResponseHead, fin: boolean): void {
    const { failedAnswers } = this.cluster.config;
    if (failedAnswers === undefined) {
      this.judge(head.status, head.header('grpc-status'), fin);
      return;
    }
    const status = String(head.status);
    const failed = failedAnswers((name) => (name === ':status' ? status : head.header(name)));
    this.endpoint!.monitor?.answered(failed ? Math.max(head.status, 500) : 200);
  }

  /** Tells outlier detection. A gRPC call is judged by its status, which may come with the trailers. */
  private judge(status: number, grpcStatus: string | undefined, fin: boolean): void {
    const { monitor } = this.endpoint!;
    if (monitor === undefined) return;
    if (this.stream.requestProtocol !== 'grpc' || status !== 200) monitor.answered(status);
    else if (grpcStatus !== undefined || fin) monitor.answered(httpStatusOfGrpc(Number(grpcStatus ?? 0)));
  }

  /** What the endpoint says of its load, in fields of the response. One that has left its cluster since is heard no more. */
  private hear(field: (name: string) => string | undefined): void {
    const { loadBalancer } = this.cluster.config;
    const report = readLoadReport(field);
    if (report !== undefined && loadBalancer.kind === 'utilization')
      this.endpoint!.load?.hear(report, loadBalancer, this.stream.manager.runtime.clock.now());
  }

  /** When the request has not ended either, the stream's end will take the connection down. */
  private endResponse(): void {
    this.answered = true;
    if (this.stream.requestDone) this.endTry();
  }

  // --- After a failed try.

  /** Nothing of the response has gone down, and all of the request is still here. */
  private get mayRepeat(): boolean {
    const { stream } = this;
    return !stream.responseStarted && (stream.requestBody === undefined || stream.requestBody.whole);
  }

  private fail(reason: ResetReason, sent: boolean): void {
    const { stream, policy } = this;
    if (policy !== undefined && retriesReset(policy, reason, sent)) {
      const decision = this.decideRetry();
      if (decision.kind === 'retry') {
        this.tryLater(decision.delayMs);
        return;
      }
    }
    const reply = describeReset(reason);
    stream.upstreamFailure = reply.transportFailure;
    stream.reply(reply);
  }

  /** After the policy wanted a retry. Says in the stream's flags when there is none. */
  private decideRetry(): RetryDecision {
    const { stream, policy, cluster, endpoint } = this;
    if (!this.mayRepeat) return noRetry;
    this.retry ??= new RetryState(policy!, cluster, stream.manager.runtime.random);
    const decision = this.retry.decide();
    if (decision.kind === 'limit') stream.flags |= responseFlag.upstreamRetryLimitExceeded;
    if (decision.kind === 'overflow') stream.flags |= responseFlag.upstreamOverflow;
    if (endpoint !== undefined) this.retry.note(endpoint);
    return decision;
  }

  private tryLater(delayMs: number): void {
    this.backoffTimeout ??= new Timeout(() => this.try());
    this.stream.manager.runtime.timers.set(this.backoffTimeout, delayMs);
  }

  private onTryTimeout(): void {
    this.cluster.stats.upstream_rq_per_try_timeout++;
    this.endpoint!.stats.rq_timeout++;
    this.endpoint!.monitor?.failed(504);
    if (this.policy !== undefined && retriesReset(this.policy, localReset, true)) {
      const decision = this.decideRetry();
      if (decision.kind === 'retry') {
        this.giveUpTry();
        this.tryLater(decision.delayMs);
        return;
      }
    }
    this.onTimeout('upstream_per_try_timeout');
  }

  private onTimeout(details: string): void {
    const { stream } = this;
    if (details === 'response_timeout') {
      this.cluster.stats.upstream_rq_timeout++;
      this.endpoint!.stats.rq_timeout++;
      this.endpoint!.monitor?.failed(504);
    }
    stream.reply({ status: 504, flags: responseFlag.upstreamRequestTimeout, details, body: 'upstream request timeout' });
  }
}
