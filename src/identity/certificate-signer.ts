// Signs for who shows a token: the authority is looked for, or made, when the first one asks, and kept where the next control plane finds it.
// It is looked at again for each who asks: the operator may have put another in its place.

import { isDeepStrictEqual } from 'node:util';
import type { Secret } from '#api/kinds/secret';
import { secretKind } from '#api/kinds/secret';
import type { Clock } from '#foundation/clock';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { authorityOf, authoritySecretNames, secretOf } from './authority-secret.ts';
import { type AuthorityMaterial, CertificateAuthority, newAuthority } from './certificate-authority.ts';
import type { CertificateSigningRequest } from './certificate-service.ts';
import type { TokenVerifier } from './service-account-token.ts';
import { formatSpiffeId } from './spiffe.ts';

export interface CertificateSigner {
  /** Resolves to the chain in PEM, leaf first. Throws MeshError UNAUTHENTICATED, REQUEST_INVALID, AUTHORITY_INVALID. */
  sign(request: CertificateSigningRequest & { token: string; trustDomain: string }): Promise<readonly string[]>;
}

export class MeshSigner implements CertificateSigner {
  private known: { material: AuthorityMaterial; authority: CertificateAuthority } | undefined;
  private making: Promise<AuthorityMaterial> | undefined;

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
    return (await this.authority(trustDomain)).sign(request, identity, validSeconds * 1000);
  }

  private async authority(trustDomain: string): Promise<CertificateAuthority> {
    const material = (await this.kept()) ?? (await this.made(trustDomain));
    if (this.known === undefined || !isDeepStrictEqual(this.known.material, material)) {
      this.known = { material, authority: await CertificateAuthority.load(material, this.options.clock) };
    }
    return this.known.authority;
  }

  /** Once, for all who ask at the same time. What failed is tried again by the next. */
  private made(trustDomain: string): Promise<AuthorityMaterial> {
    this.making ??= this.make(trustDomain).finally(() => (this.making = undefined));
    return this.making;
  }

  private async make(trustDomain: string): Promise<AuthorityMaterial> {
    const { clock, store, namespace } = this.options;
    const made = await newAuthority(clock, trustDomain);
    try {
      await store.create(secretOf(made, namespace));
      return made;
    } catch (error) {
      // Somebody else made one at the same time: there is to be one only.
      const theirs = error instanceof StoreError && error.code === 'ALREADY_EXISTS' ? await this.kept() : undefined;
      if (!theirs) throw error;
      return theirs;
    }
  }

  private async kept(): Promise<AuthorityMaterial | undefined> {
    const { store, namespace } = this.options;
    for (const name of authoritySecretNames) {
      const secret = (await store.get(secretKind, namespace, name)) as Secret | undefined;
      const authority = secret && authorityOf(secret);
      if (authority) return authority;
    }
    return undefined;
  }
}
