// Signs for who shows a token: the authority is looked for, or made, when the first one asks, and kept where the next control plane finds it.

import type { Secret } from '#api/kinds/secret';
import { secretKind } from '#api/kinds/secret';
import type { Clock } from '#foundation/clock';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { authorityOf, authoritySecretNames, secretOf } from './authority-secret.ts';
import { CertificateAuthority, newAuthority } from './certificate-authority.ts';
import type { CertificateSigningRequest } from './certificate-service.ts';
import type { TokenVerifier } from './service-account-token.ts';
import { formatSpiffeId } from './spiffe.ts';

export interface CertificateSigner {
  /** Resolves to the chain in PEM, leaf first. Throws MeshError UNAUTHENTICATED, REQUEST_INVALID, AUTHORITY_INVALID. */
  sign(request: CertificateSigningRequest & { token: string; trustDomain: string }): Promise<readonly string[]>;
}

export class MeshSigner implements CertificateSigner {
  private authority: Promise<CertificateAuthority> | undefined;

  constructor(
    private readonly options: {
      store: Pick<Store, 'get' | 'create'>;
      /** Of the Secrets. */
      namespace: string;
      tokens: TokenVerifier;
      clock: Clock;
    },
  ) {}

  async sign({ token, trustDomain, request, validSeconds }: Parameters<CertificateSigner['sign']>[0]): Promise<readonly string[]> {
    const identity = formatSpiffeId({ trustDomain, ...this.options.tokens.verify(token) });
    this.authority ??= this.load(trustDomain);
    // What failed once is tried again by the next who asks.
    this.authority.catch(() => (this.authority = undefined));
    return (await this.authority).sign(request, identity, validSeconds * 1000);
  }

  private async load(trustDomain: string): Promise<CertificateAuthority> {
    const { clock, store, namespace } = this.options;
    const kept = await this.kept();
    if (kept) return CertificateAuthority.load(kept, clock);
    const made = await newAuthority(clock, trustDomain);
    try {
      await store.create(secretOf(made, namespace));
    } catch (error) {
      // Somebody else made one at the same time: there is to be one only.
      const theirs = error instanceof StoreError && error.code === 'ALREADY_EXISTS' ? await this.kept() : undefined;
      if (!theirs) throw error;
      return CertificateAuthority.load(theirs, clock);
    }
    return CertificateAuthority.load(made, clock);
  }

  private async kept() {
    const { store, namespace } = this.options;
    for (const name of authoritySecretNames) {
      const secret = (await store.get(secretKind, namespace, name)) as Secret | undefined;
      const authority = secret && authorityOf(secret);
      if (authority) return authority;
    }
    return undefined;
  }
}
