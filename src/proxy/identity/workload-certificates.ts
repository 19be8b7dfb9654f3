// The workload's own certificate of the mesh, and whom the mesh trusts: asked of the authority when a configuration first names them, and
// again at half of their life, or when the authority is another. What Istio's agent does beside its proxy. They come as secrets come by SDS.
import { X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import { type CertificateSigningRequest, type CertificateSigningResponse, createCertificate } from '#identity/certificate-service';
import { meshRoots, ownCertificate } from '#identity/secret-names';
import { typeUrl } from '#xds/resource-type';

export interface WorkloadCertificatesOptions {
  /** `host:port` of the authority. */
  target: string;
  /** The SPIFFE id to be asked for. */
  identity: string;
  /** A token that says who this is, fresh each time. */
  token: () => Promise<string>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Takes the secrets as SDS would bring them. */
  deliver: (response: DeltaDiscoveryResponse) => void;
}

/** Of its life, when a certificate is renewed; spread a little, so that a mesh started at once does not renew at once. */
const renewalShare = 0.5;
const renewalSpread = 0.05;
/** After the authority has changed; spread, so that a mesh does not ask at once. */
const rotationMsMax = 2_000;
const answerMsMax = 10_000;
const retryMsMin = 200;
const retryMsMax = 30_000;

const noBytes = Buffer.alloc(0);

export class WorkloadCertificates {
  private readonly backoff: Backoff;
  private client: Client | undefined;
  private timer: Timer | undefined;
  private started = false;
  private wanted: ReadonlySet<string> = new Set();
  private closed = false;
  private revision = 0;
  private held: { chain: string; key: string; roots: string } | undefined;
  /** What the control plane said last of whom the mesh trusts, and of what signs. */
  private announced: string | undefined;

  constructor(private readonly options: WorkloadCertificatesOptions) {
    this.backoff = new Backoff({ random: options.random, delayMsMin: retryMsMin, delayMsMax: retryMsMax });
  }

  /**
   * Which of `names` it brings. From the first time that there are any it keeps a certificate; who wants it again after he did not is
   * given what there is.
   */
  want(names: ReadonlySet<string>): ReadonlySet<string> {
    const own = new Set([ownCertificate, meshRoots].filter((name) => names.has(name)));
    const { held } = this;
    if (own.size > 0 && !this.started) {
      this.started = true;
      void this.renew();
    } else if (held !== undefined && [...own].some((name) => !this.wanted.has(name))) {
      // Not before the one who asks has heard what he is to wait for.
      void Promise.resolve().then(() => this.held === held && this.hold(held));
    }
    this.wanted = own;
    return own;
  }

  /** Names of the secrets that it brings at this moment: no control plane gives or takes them. */
  get brought(): Iterable<string> {
    return this.wanted;
  }

  /** What the control plane sends, without what it says of the mesh's roots. */
  heard(response: DeltaDiscoveryResponse): DeltaDiscoveryResponse {
    if (response.typeUrl !== typeUrl.secret) return response;
    const roots = response.resources.find(({ name }) => name === meshRoots);
    const { type } = Secret.decode(roots?.resource?.value ?? noBytes);
    const source = type?.$case === 'validationContext' ? type.value.trustedCa?.specifier : undefined;
    if (source?.$case === 'inlineBytes') this.announce(source.value.toString());
    return {
      ...response,
      resources: response.resources.filter((resource) => resource !== roots),
      removedResources: response.removedResources.filter((name) => name !== meshRoots && !this.wanted.has(name)),
    };
  }

  /** New roots are trusted at once, beside the certificate that there is; another one is asked for soon. */
  private announce(bundle: string): void {
    const { held, announced } = this;
    this.announced = bundle;
    const isNews =
      announced === undefined
        ? held !== undefined && !isDeepStrictEqual(certificatesOf(held.roots), certificatesOf(bundle))
        : bundle !== announced;
    if (!isNews || held === undefined) return;
    this.hold({ ...held, roots: bundle });
    this.after(rotationMsMax * this.options.random.next());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.client?.close();
  }

  private async renew(): Promise<void> {
    const { clock, logger } = this.options;
    try {
      const { chain, key } = await this.ask();
      if (this.closed) return;
      const leaf = new X509Certificate(chain[0] ?? '');
      const roots = chain.at(-1) ?? '';
      this.hold({ chain: chain.slice(0, -1).join('\n'), key, roots });
      this.backoff.reset();
      this.after(this.renewalMs(Date.parse(leaf.validTo) - clock.wallMs()));
    } catch (thrown) {
      if (this.closed) return;
      const retryMs = this.backoff.next();
      logger.warn({ error: messageOf(thrown), retryMs }, 'the mesh’s authority gave no certificate');
      this.after(retryMs);
    }
  }

  private hold(held: { chain: string; key: string; roots: string }): void {
    this.held = held;
    this.options.deliver(this.secrets(held.chain, held.key, held.roots));
  }

  private after(delayMs: number): void {
    this.timer?.cancel();
    this.timer = this.options.clock.after(delayMs, () => void this.renew(), { unref: true });
  }

  /** Timers hold no more than 24 days: what lives longer is renewed earlier. */
  private renewalMs(leftMs: number): number {
    const share = renewalShare - renewalSpread * this.options.random.next();
    return Math.min(Math.max(retryMsMin, leftMs * share), 0x7fffffff);
  }

  private async ask(): Promise<{ chain: readonly string[]; key: string }> {
    // What makes requests is not small, and not every proxy needs it.
    const { requestCertificate } = await import('#identity/certificate-request');
    const { request, key } = await requestCertificate(this.options.identity);
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${await this.options.token()}`);
    const { chain } = await this.call({ request, validSeconds: 0 }, metadata);
    if (chain.length < 2) throw new Error(`the authority answered with ${chain.length} certificates: a leaf and a root are needed`);
    return { chain, key };
  }

  private call(request: CertificateSigningRequest, metadata: Metadata): Promise<CertificateSigningResponse> {
    this.client ??= new Client(this.options.target, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = createCertificate;
    const deadline = this.options.clock.wallMs() + answerMsMax;
    return new Promise((resolve, reject) => {
      this.client!.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, (error, response) => {
        if (error) reject(error);
        else resolve(response!);
      });
    });
  }

  private secrets(chain: string, key: string, roots: string): DeltaDiscoveryResponse {
    const version = String(++this.revision);
    const inline = (text: string) => ({ specifier: { $case: 'inlineBytes' as const, value: Buffer.from(text) } });
    const resource = (secret: Parameters<typeof Secret.fromPartial>[0]) => ({
      name: secret.name ?? '',
      version,
      resource: { typeUrl: typeUrl.secret, value: Buffer.from(Secret.encode(Secret.fromPartial(secret)).finish()) },
    });
    return DeltaDiscoveryResponse.fromPartial({
      typeUrl: typeUrl.secret,
      resources: [
        resource({
          name: ownCertificate,
          type: { $case: 'tlsCertificate', value: { certificateChain: inline(chain), privateKey: inline(key) } },
        }),
        resource({ name: meshRoots, type: { $case: 'validationContext', value: { trustedCa: inline(roots) } } }),
      ],
    });
  }
}

const certificatesOf = (pem: string) =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)?.map((each) => each.replace(/\s/g, ''));
