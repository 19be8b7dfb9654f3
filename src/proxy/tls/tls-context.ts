// Makes Node's TLS options of a transport socket's configuration and the secrets that it names, anew whenever a secret or a file has
// changed: connections that stand keep what they began with, new ones get the new certificate.
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import type { DataSource, TlsCertificate, TlsConfig, TlsSecret, TlsValidation } from '#proxy/config/tls';
import type { SecretStore } from './secret-store.ts';

/** What connections are made with at this moment. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  readonly validation: TlsValidation | undefined;
  readonly ocspStaple: Buffer | undefined;
}

export type TlsState = { readonly ok: true; readonly material: TlsMaterial } | { readonly ok: false; readonly reason: string };

/** Files are looked at again after so long. */
const fileCheckMs = 5_000;

export class TlsContext {
  private state: TlsState = { ok: false, reason: 'not made yet' };
  private madeOfRevision = -1;
  /** The secrets that `state` was made of, and the change times of its files. */
  private madeOf: string | undefined;
  private readonly secretIds = new WeakMap<TlsSecret, number>();
  private secretCount = 0;
  private filesCheckedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly config: TlsConfig,
    private readonly secrets: SecretStore,
    private readonly clock: Clock,
  ) {}

  /** Not ok while a secret is missing or cannot be used. */
  current(): TlsState {
    const now = this.clock.now();
    if (this.secrets.revision === this.madeOfRevision && now - this.filesCheckedMs < fileCheckMs) return this.state;
    this.madeOfRevision = this.secrets.revision;
    this.filesCheckedMs = now;
    const { missing, certificates, validation } = this.resolve();
    const madeOf = this.stamp(certificates, validation);
    if (madeOf === this.madeOf) return this.state;
    this.madeOf = madeOf;
    this.state = missing === undefined ? this.make(certificates, validation) : { ok: false, reason: `secret ${missing} has not come` };
    return this.state;
  }

  private resolve(): { missing: string | undefined; certificates: TlsCertificate[]; validation: TlsValidation | undefined } {
    const { config, secrets } = this;
    const certificates = [...config.certificates];
    let missing: string | undefined;
    for (const name of config.certificateSecrets) {
      const secret = secrets.get(name);
      if (secret?.kind === 'certificate') certificates.push(secret.certificate);
      else missing ??= name;
    }
    let { validation } = config;
    if (config.validationSecret !== undefined) {
      const secret = secrets.get(config.validationSecret);
      if (secret?.kind === 'validation') validation = combined(validation, secret.validation);
      else missing ??= config.validationSecret;
    }
    return { missing, certificates, validation };
  }

  private stamp(certificates: readonly TlsCertificate[], validation: TlsValidation | undefined): string {
    const { config, secrets } = this;
    const names = [...config.certificateSecrets, ...(config.validationSecret === undefined ? [] : [config.validationSecret])];
    const ids = names.map((name) => this.secretId(secrets.get(name)));
    return [...ids, ...sourcesOf(certificates, validation).map(changeTime)].join(' ');
  }

  private secretId(secret: TlsSecret | undefined): number {
    if (secret === undefined) return 0;
    let id = this.secretIds.get(secret);
    if (id === undefined) this.secretIds.set(secret, (id = ++this.secretCount));
    return id;
  }

  private make(certificates: readonly TlsCertificate[], validation: TlsValidation | undefined): TlsState {
    const { config } = this;
    try {
      const ca = validation?.trustedCa;
      const options: SecureContextOptions = {
        cert: certificates.map(({ chain }) => read(chain)),
        key: certificates.map(({ key, password }) => ({
          pem: read(key),
          ...(password && { passphrase: read(password).toString().trimEnd() }),
        })),
        minVersion: config.versionMin,
        maxVersion: config.versionMax,
        ...(ca !== undefined && ca !== 'system' && { ca: read(ca) }),
        ...(validation?.crl && { crl: read(validation.crl) }),
        ...(config.ciphers !== '' && { ciphers: config.ciphers }),
        ...(config.curves !== '' && { ecdhCurve: config.curves }),
        honorCipherOrder: true,
      };
      const staple = certificates.find(({ ocspStaple }) => ocspStaple !== undefined)?.ocspStaple;
      const material = { options, context: createSecureContext(options), validation, ocspStaple: staple && read(staple) };
      return { ok: true, material };
    } catch (thrown) {
      return { ok: false, reason: messageOf(thrown) };
    }
  }
}

/** What the secret says goes before what was given beside it; in practice it brings the CA, and the names come with the configuration. */
function combined(own: TlsValidation | undefined, secret: TlsValidation): TlsValidation {
  if (own === undefined) return secret;
  return {
    trustedCa: secret.trustedCa ?? own.trustedCa,
    crl: secret.crl ?? own.crl,
    subjectAltNames: [...own.subjectAltNames, ...secret.subjectAltNames],
    certificateHashes: [...own.certificateHashes, ...secret.certificateHashes],
    publicKeyHashes: [...own.publicKeyHashes, ...secret.publicKeyHashes],
    allowExpired: own.allowExpired || secret.allowExpired,
    acceptUntrusted: own.acceptUntrusted || secret.acceptUntrusted,
  };
}

function sourcesOf(certificates: readonly TlsCertificate[], validation: TlsValidation | undefined): DataSource[] {
  const { trustedCa, crl } = validation ?? {};
  const sources = certificates.flatMap(({ chain, key, password, ocspStaple }) => [chain, key, password, ocspStaple]);
  return [...sources, trustedCa === 'system' ? undefined : trustedCa, crl].filter((source) => source !== undefined);
}

function changeTime(source: DataSource): string {
  return source.kind === 'inline' ? '' : String(statSync(source.path, { throwIfNoEntry: false })?.mtimeMs ?? 'missing');
}

function read(source: DataSource): Buffer {
  return source.kind === 'inline' ? source.bytes : readFileSync(source.path);
}
