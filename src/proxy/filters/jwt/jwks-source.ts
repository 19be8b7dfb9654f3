// Where a provider's keys come from: its configuration, or a server, over a cluster, kept for a while. One fetch at a time.
import type { JwtProvider } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import { type Findings, milliseconds } from '#proxy/config/findings';
import { FieldRequestHead } from '#proxy/http/head';
import type { ProxyRuntime } from '#proxy/runtime';
import { ClusterCall } from '#proxy/upstream/cluster-call';
import { type Jwks, parseJwks } from './jwks.ts';

export type JwksConfig =
  | { readonly kind: 'local'; readonly jwks: Jwks }
  | {
      readonly kind: 'remote';
      readonly cluster: string;
      readonly authority: string;
      readonly path: string;
      readonly timeoutMs: number;
      readonly cacheMs: number;
    };

/** Envoy's defaults. */
const cacheMsDefault = 600_000;
const timeoutMsDefault = 5_000;

const nobody: JwksConfig = { kind: 'local', jwks: [] };

export function decodeJwksConfig({ jwksSourceSpecifier: source }: JwtProvider, field: string, findings: Findings): JwksConfig {
  if (source?.$case === 'localJwks') {
    const { specifier } = source.value;
    const text =
      specifier?.$case === 'inlineString' ? specifier.value : specifier?.$case === 'inlineBytes' ? specifier.value.toString() : '';
    const jwks = parseJwks(text);
    if (jwks === undefined) findings.report(`${field}.local_jwks`, 'is not an inline set of keys');
    return jwks === undefined ? nobody : { kind: 'local', jwks };
  }
  const uri = source?.value.httpUri;
  const url = URL.canParse(uri?.uri ?? '') ? new URL(uri!.uri) : undefined;
  if (source === undefined || uri?.httpUpstreamType === undefined || url === undefined) {
    findings.report(field, 'needs local_jwks, or remote_jwks with a uri and a cluster');
    return nobody;
  }
  return {
    kind: 'remote',
    cluster: uri.httpUpstreamType.value,
    authority: url.host,
    path: `${url.pathname}${url.search}`,
    timeoutMs: milliseconds(uri.timeout, timeoutMsDefault),
    cacheMs: milliseconds(source.value.cacheDuration, cacheMsDefault),
  };
}

const answerBytesMax = 1024 * 1024;
/** A server that is down is not asked for every request. */
const retryMs = 1000;

export class JwksSource {
  /** Of the last good fetch. */
  jwks: Jwks | undefined;
  private freshUntilMs = Number.NEGATIVE_INFINITY;
  private waiting: (() => void)[] | undefined;

  constructor(
    private readonly config: JwksConfig,
    private readonly runtime: ProxyRuntime,
  ) {
    if (config.kind === 'local') {
      this.jwks = config.jwks;
      this.freshUntilMs = Number.POSITIVE_INFINITY;
    }
  }

  get fresh(): boolean {
    return this.runtime.clock.now() < this.freshUntilMs;
  }

  /** Calls `then` when the keys are there, or cannot be had. Returns a way out. */
  refresh(then: () => void): () => void {
    const first = this.waiting === undefined;
    const waiting = (this.waiting ??= []);
    waiting.push(then);
    if (first) this.fetch();
    return () => {
      const index = waiting.indexOf(then);
      if (index >= 0) waiting.splice(index, 1);
    };
  }

  private fetch(): void {
    const { config, runtime } = this;
    if (config.kind === 'local') return;
    const { cluster, authority, path, timeoutMs, cacheMs } = config;
    const head = new FieldRequestHead('GET', authority, path, [['accept', 'application/json']]);
    new ClusterCall(runtime, { cluster, head, body: Buffer.alloc(0), timeoutMs, answerBytesMax }, (result) => {
      const jwks = result.kind === 'answer' && result.head.status === 200 ? parseJwks(result.body.toString()) : undefined;
      if (jwks !== undefined) this.jwks = jwks;
      else {
        const reason = result.kind === 'failure' ? result.reason : `status ${result.head.status}, or no keys in the answer`;
        runtime.logger.warn({ cluster, path, reason }, 'keys of a JWT provider cannot be fetched');
      }
      this.freshUntilMs = runtime.clock.now() + (jwks === undefined ? retryMs : cacheMs);
      const waiting = this.waiting ?? [];
      this.waiting = undefined;
      for (const then of [...waiting]) then();
    });
  }
}
