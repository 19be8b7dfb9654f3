// The mesh's authority: what it signs, for whom, for how long; where its key comes from; what it refuses.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { secretKind } from '#api/kinds/secret';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { authorityOf, secretOf } from '#identity/authority-secret';
import { type AuthorityMaterial, CertificateAuthority, newAuthority } from '#identity/certificate-authority';
import { requestCertificate } from '#identity/certificate-request';
import { MeshSigner } from '#identity/certificate-signer';
import { authorityAudience, TokenIssuer, TokenVerifier } from '#identity/service-account-token';
import { MemoryStore } from '#store/memory-store';
import { operatorAuthority } from '../certificates.ts';

const identity = 'spiffe://cluster.local/ns/default/sa/reviews';
const dayMs = 86_400_000;
let clock: ManualClock;
let material: AuthorityMaterial;

beforeAll(async () => {
  clock = new ManualClock();
  material = await newAuthority(clock, 'cluster.local');
});

describe('what is signed', () => {
  test('the requester’s key, the identity that was made sure of, good for both sides of TLS, under the root', async () => {
    const authority = await CertificateAuthority.load(material, clock);
    const { request, key } = await requestCertificate('spiffe://cluster.local/ns/kube-system/sa/admin');
    const [leafPem = '', rootPem = '', ...more] = await authority.sign(request, identity);
    const [leaf, root] = [new X509Certificate(leafPem), new X509Certificate(rootPem)];
    expect(more).toEqual([]);
    expect(leaf.subjectAltName).toBe(`URI:${identity}`);
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(leaf.ca).toBe(false);
    expect(leaf.verify(root.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(rootPem).toBe(material.roots);
  });

  test.each([
    { asked: 0, days: 1 },
    { asked: 3 * dayMs, days: 3 },
    { asked: 1000 * dayMs, days: 90 },
  ])('$asked ms are asked for: $days days', async ({ asked, days }) => {
    const authority = await CertificateAuthority.load(material, clock);
    const { request } = await requestCertificate(identity);
    const [leaf = ''] = await authority.sign(request, identity, asked);
    expect(Date.parse(new X509Certificate(leaf).validTo)).toBe(clock.wallMs() + days * dayMs);
  });

  test('nothing outlives the authority', async () => {
    const late = new ManualClock(clock.wallMs() + 3650 * dayMs - 3_600_000);
    const authority = await CertificateAuthority.load(material, late);
    const { request } = await requestCertificate(identity);
    const [leaf = ''] = await authority.sign(request, identity);
    expect(new X509Certificate(leaf).validTo).toBe(new X509Certificate(material.certificate).validTo);
  });

  test.each(['', 'hello', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'])(
    'refused: %j',
    async (request) => {
      const authority = await CertificateAuthority.load(material, clock);
      await expect(authority.sign(request, identity)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    },
  );
});

describe('an authority that does not hold together', () => {
  test('the key of another', async () => {
    const { key } = await newAuthority(clock, 'cluster.local');
    await expect(CertificateAuthority.load({ ...material, key }, clock)).rejects.toThrow('its key is not that of its certificate');
  });

  test('a certificate that may not sign', async () => {
    const authority = await CertificateAuthority.load(material, clock);
    const { request, key } = await requestCertificate(identity);
    const [certificate = ''] = await authority.sign(request, identity);
    await expect(CertificateAuthority.load({ certificate, key, chain: '', roots: material.roots }, clock)).rejects.toThrow(
      'its certificate may not sign others',
    );
  });

  test('no text of a key is in the message', async () => {
    const broken = { ...material, key: material.key.replace('A', '!') };
    await expect(CertificateAuthority.load(broken, clock)).rejects.toSatisfy(
      (error: Error) => !error.message.includes(material.key.slice(40, 80)),
    );
  });
});

describe('who may have what', () => {
  const accounts = { namespace: 'default', serviceAccount: 'reviews' };
  const store = () => new MemoryStore({ clock, random: new SeededRandom(1) });
  const signer = (tokens: TokenIssuer, at = store()) =>
    new MeshSigner({ store: at, namespace: 'istio-system', tokens: new TokenVerifier(tokens.publicKey, clock, authorityAudience), clock });
  const asked = async (token: string) => ({
    token,
    trustDomain: 'cluster.local',
    ...(await requestCertificate(identity)),
    validSeconds: 0,
  });

  test('whom the token names is whom the certificate names', async () => {
    const tokens = new TokenIssuer(clock);
    const [leaf = ''] = await signer(tokens).sign(
      await asked(tokens.issue({ namespace: 'other', serviceAccount: 'x' }, authorityAudience)),
    );
    expect(new X509Certificate(leaf).subjectAltName).toBe('URI:spiffe://cluster.local/ns/other/sa/x');
  });

  test('the authority that was made is kept, and the next one uses it; of those that begin at once one is made', async () => {
    const tokens = new TokenIssuer(clock);
    const at = store();
    const request = await asked(tokens.issue(accounts, authorityAudience));
    const chains = await Promise.all([signer(tokens, at).sign(request), signer(tokens, at).sign(request)]);
    const secret = (await at.get(secretKind, 'istio-system', 'istio-ca-secret')) as ApiObject;
    const root = authorityOf(secret as never)?.roots;
    expect(chains.map((chain) => chain.at(-1))).toEqual([root, root]);
    expect((await signer(tokens, at).sign(request)).at(-1)).toBe(root);
  });

  test('what the operator plugged in goes first: an intermediate with its chain', async () => {
    const tokens = new TokenIssuer(clock);
    const at = store();
    const plugged = { ...(await newAuthority(clock, 'example.org')), chain: material.certificate, roots: material.roots };
    await at.create({ ...secretOf(plugged, 'istio-system'), metadata: { name: 'cacerts', namespace: 'istio-system' } });
    const chain = await signer(tokens, at).sign(await asked(tokens.issue(accounts, authorityAudience)));
    expect(chain.slice(1)).toEqual([plugged.chain, plugged.roots]);
    expect(new X509Certificate(chain[0] ?? '').verify(new X509Certificate(plugged.certificate).publicKey)).toBe(true);
  });

  test.each([
    { name: 'none', token: () => '' },
    { name: 'nonsense', token: () => 'a.b.c' },
    { name: 'of another mesh', token: () => new TokenIssuer(clock).issue(accounts, authorityAudience) },
    { name: 'with another name written in', token: (tokens: TokenIssuer) => swapped(tokens.issue(accounts, authorityAudience)) },
    { name: 'an old one', token: (tokens: TokenIssuer) => tokens.issue(accounts, authorityAudience), laterMs: 600_000 },
  ])('refused, a token: $name', async ({ token, laterMs = 0 }) => {
    const tokens = new TokenIssuer(clock);
    const text = token(tokens);
    clock.advance(laterMs);
    const refused = signer(tokens).sign(await asked(text));
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    if (text !== '') await expect(refused).rejects.not.toThrow(text);
  });
});

function swapped(token: string): string {
  const [head, payload = '', signature] = token.split('.');
  const claims = Buffer.from(payload, 'base64url').toString('utf8').replace('default:reviews', 'kube-system:admin');
  return [head, Buffer.from(claims).toString('base64url'), signature].join('.');
}

const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };

test.each([
  ['RSA', rsa],
  ['ECDSA on P-384', { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }],
])('a plugged-in key: %s', async (_, algorithm) => {
  const { certificate, key } = await operatorAuthority(algorithm);
  const authority = await CertificateAuthority.load({ certificate, key, chain: '', roots: certificate }, clock);
  const { request } = await requestCertificate(identity);
  const [leaf = ''] = await authority.sign(request, identity);
  expect(new X509Certificate(leaf).verify(new X509Certificate(certificate).publicKey)).toBe(true);
});
