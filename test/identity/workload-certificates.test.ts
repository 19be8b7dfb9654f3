// A workload's certificates over real gRPC: asked for once they are named, renewed at half of their life, asked for again when refused.
import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import { ControlPlane } from '#control/control-plane';
import { ManualClock, systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MeshSigner } from '#identity/certificate-signer';
import { authorityAudience, TokenIssuer, TokenVerifier } from '#identity/service-account-token';
import { WorkloadCertificates } from '#proxy/identity/workload-certificates';
import { MemoryStore } from '#store/memory-store';
import { until } from '../integration/until.ts';

const identity = 'spiffe://cluster.local/ns/default/sa/reviews';
const address = { host: '127.0.0.1', port: 0 };
const halfDayMs = 43_200_000;
/** Near the system’s, by which gRPC’s deadlines go; certificates know whole seconds. */
let clock: ManualClock;
let controlPlane: ControlPlane;
let target: string;
let tokens: TokenIssuer;
let certificates: WorkloadCertificates | undefined;

beforeEach(async () => {
  clock = new ManualClock(Math.floor(systemClock.wallMs() / 1000) * 1000);
  tokens = new TokenIssuer(clock);
  const store = new MemoryStore({ clock, random: new SeededRandom(1) });
  controlPlane = new ControlPlane({
    source: { start: () => {}, stop: () => {} },
    clock: systemClock,
    logger: silentLogger,
    xdsAddress: address,
    debugAddress: address,
    signer: new MeshSigner({
      store,
      namespace: 'istio-system',
      tokens: new TokenVerifier(tokens.publicKey, clock, authorityAudience),
      clock,
    }),
  });
  const { xds } = await controlPlane.start();
  target = `127.0.0.1:${xds.port}`;
});

afterEach(async () => {
  certificates?.close();
  await controlPlane.stop();
});

/** `token`: of the first, the second, … time. */
function begin(token: (time: number) => string): { secrets: Secret[][]; asked: () => number } {
  const secrets: Secret[][] = [];
  let times = 0;
  certificates = new WorkloadCertificates({
    target,
    identity,
    token: async () => token(++times),
    clock,
    random: new SeededRandom(1),
    logger: silentLogger,
    deliver: ({ resources }) => void secrets.push(resources.map(({ resource }) => Secret.decode(resource?.value ?? Buffer.alloc(0)))),
  });
  return { secrets, asked: () => times };
}

const good = () => tokens.issue({ namespace: 'default', serviceAccount: 'reviews' }, authorityAudience);

function leafOf(secrets: readonly Secret[] | undefined): X509Certificate {
  const own = secrets?.find(({ name }) => name === 'default');
  const source = own?.type?.$case === 'tlsCertificate' ? own.type.value.certificateChain?.specifier : undefined;
  return new X509Certificate(source?.$case === 'inlineBytes' ? source.value : Buffer.alloc(0));
}

test('nothing is asked for until it is named; then certificate and roots come', async () => {
  const { secrets, asked } = begin(good);
  expect(certificates?.want(new Set(['kubernetes://bookinfo']))).toEqual(new Set());
  expect(asked()).toBe(0);
  expect(certificates?.want(new Set(['default', 'ROOTCA', 'kubernetes://bookinfo']))).toEqual(new Set(['default', 'ROOTCA']));
  await until('they are there', () => secrets.length === 1);
  expect(secrets[0]?.map(({ name, type }) => [name, type?.$case])).toEqual([
    ['default', 'tlsCertificate'],
    ['ROOTCA', 'validationContext'],
  ]);
  expect(leafOf(secrets[0]).subjectAltName).toBe(`URI:${identity}`);
});

test('renewed at half of its life, with another key', async () => {
  const { secrets } = begin(good);
  certificates?.want(new Set(['default']));
  await until('it is there', () => secrets.length === 1);
  clock.advance(halfDayMs);
  await until('it is renewed', () => secrets.length === 2);
  const [first, second] = [leafOf(secrets[0]), leafOf(secrets[1])];
  expect(second.publicKey.equals(first.publicKey)).toBe(false);
  expect(Date.parse(second.validTo)).toBe(clock.wallMs() + 2 * halfDayMs);
});

test('refused, it asks again', async () => {
  const { secrets, asked } = begin((time) => (time < 3 ? 'a.b.c' : good()));
  certificates?.want(new Set(['default']));
  await until('it was refused twice and then not', () => {
    clock.advance(30_000);
    return secrets.length > 0 || asked();
  });
  expect(asked()).toBe(3);
});
