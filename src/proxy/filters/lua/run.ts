// One run of a script's entry point for one stream, with what it waits for: bodies, and calls that it makes. Made by filters/http/lua.ts.
import type { ResponseHead } from '#proxy/http/head';
import { HeldBody } from '#proxy/http/held-body';
import type { HttpStream } from '#proxy/http/stream';
import { responseFlag } from '#telemetry/response-flags';
import type { RunState } from './prelude.ts';
import type { LuaScript } from './script.ts';
import { bodyBytesMax, type ScriptBody, StreamHost } from './stream-host.ts';

/** Counts and logs what went wrong with a script. */
type Fail = (fault: string) => void;

abstract class Run {
  protected abstract readonly host: StreamHost;
  protected id = 0;

  constructor(
    protected readonly stream: HttpStream,
    protected readonly script: LuaScript,
    protected readonly fail: Fail,
  ) {}

  protected proceed(text: string): void {
    if (!this.stream.ended) this.settle(this.script.resume(this.id, text));
  }

  /** Nobody waits for it any more. */
  protected cancel(): void {
    this.host.cancel();
    this.script.forget(this.id);
  }

  protected abstract settle(state: RunState): void;
}

/** Of `envoy_on_request`. */
export class RequestRun extends Run {
  protected readonly host: StreamHost;
  private inRequest = true;

  constructor(stream: HttpStream, script: LuaScript, fail: Fail) {
    super(stream, script, fail);
    const body: ScriptBody = {
      present: stream.requestBody !== undefined && stream.request.upgrade === '',
      whole: () => stream.requestDone,
      contents: () => stream.requestBody?.contents() ?? Buffer.alloc(0),
      trailers: () => stream.requestBody?.trailers,
      setTrailers: (trailers) => stream.requestBody?.addTrailers(trailers),
    };
    this.host = new StreamHost(stream, stream.request, 'request', body, script.filter);
    this.host.onAnswer = (text) => this.proceed(text);
  }

  start(): 'continue' | 'stop' {
    const { id, state } = this.script.run('envoy_on_request', this.host);
    this.id = id;
    const next = this.settle(state);
    this.inRequest = false;
    return next;
  }

  protected settle(state: RunState): 'continue' | 'stop' {
    const { stream } = this;
    stream.pending = undefined;
    if (state === 'responded' || stream.ended) return 'stop';
    if (state === 'body') {
      stream.bufferRequest(
        bodyBytesMax,
        () => this.proceed(''),
        () => stream.reply({ status: 413, flags: responseFlag.none, details: 'request_payload_too_large', body: 'Payload Too Large' }),
      );
      return 'stop';
    }
    if (state === 'call') {
      stream.pending = { cancel: () => this.cancel() };
      return 'stop';
    }
    if (typeof state === 'object') this.fail(state.fault);
    return this.finish();
  }

  private finish(): 'continue' | 'stop' {
    const { stream, host, inRequest } = this;
    const { request } = stream;
    if (host.replaced !== undefined) {
      stream.requestBody?.replace(host.replaced);
      request.set('content-length', String(host.replaced.length));
    }
    if (inRequest) return 'continue';
    stream.continueRequest();
    return 'stop';
  }
}

/** Of `envoy_on_response`. While it waits, nothing of the response goes down. */
export class ResponseRun extends Run {
  protected readonly host: StreamHost;
  private held: HeldBody | undefined;
  private inResponse = true;
  private over = false;

  constructor(
    stream: HttpStream,
    script: LuaScript,
    fail: Fail,
    private readonly head: ResponseHead,
    private readonly fin: boolean,
  ) {
    super(stream, script, fail);
    const body: ScriptBody = {
      present: !fin && head.status !== 101 && stream.request.method !== 'CONNECT',
      whole: () => this.held?.whole ?? false,
      contents: () => this.held?.contents() ?? Buffer.alloc(0),
      trailers: () => this.held?.trailersHeld,
      setTrailers: (trailers) => this.held?.replaceTrailers(trailers),
    };
    this.host = new StreamHost(stream, head, 'response', body, script.filter);
    this.host.onAnswer = (text) => this.proceed(text);
  }

  start(): 'stop' | undefined {
    const { id, state } = this.script.run('envoy_on_response', this.host);
    this.id = id;
    this.settle(state);
    this.inResponse = false;
    return this.over ? undefined : 'stop';
  }

  protected settle(state: RunState): void {
    if (state === 'body')
      this.hold().want(
        bodyBytesMax,
        () => this.proceed(''),
        () => this.overflow(),
      );
    else if (state === 'call') this.hold();
    else this.finish(typeof state === 'object' ? state.fault : undefined);
  }

  private hold(): HeldBody {
    if (this.held === undefined) {
      this.held = new HeldBody(() => this.over || this.cancel());
      this.stream.transformResponse(this.held);
    }
    return this.held;
  }

  /** The response goes down as it came. */
  private overflow(): void {
    this.script.forget(this.id);
    this.finish(`body() of a response of more than ${bodyBytesMax} bytes is not supported`);
  }

  private finish(fault: string | undefined): void {
    const { stream, head, held, host } = this;
    this.over = true;
    if (fault !== undefined) this.fail(fault);
    if (host.replaced !== undefined) {
      held?.replace(host.replaced);
      head.set('content-length', String(host.replaced.length));
    }
    if (!this.inResponse) stream.continueResponse(this.fin);
    held?.release();
    if (!this.inResponse) stream.downstream.flush();
  }
}
