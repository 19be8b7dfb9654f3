// The mesh's root is replaced while calls are made, as an operator does it: the new one is trusted beside the old one, then it signs, then
// the old one goes. Each call has a connection of its own, so that each is a handshake.
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Secret } from '#api/kinds/secret';
import { secretKind } from '#api/kinds/secret';
import { systemClock } from '#foundation/clock';
import { authorityOf, secretOf } from '#identity/authority-secret';
import { type AuthorityMaterial, newAuthority } from '#identity/certificate-authority';
import { until } from '../integration/until.ts';
import { services, workloads } from './town.ts';
import { TrafficMesh } from './traffic-mesh.ts';

const names = ['client', 'sidecar-v1'];
let mesh: TrafficMesh;
beforeAll(async () => {
  mesh = await TrafficMesh.start(
    workloads.filter(({ name }) => names.includes(name)),
    services,
  );
  await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: sidecar, namespace: default}
spec: {host: sidecar, trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
`);
});
afterAll(() => mesh.close());

const url = 'http://sidecar:9080/';

/** What a proxy has at the moment. */
function heldBy(name: string): { leaf: X509Certificate; roots: number } {
  const { secrets } = mesh.proxyOf(name).runtime;
  const [own, trusted] = [secrets.get('default'), secrets.get('ROOTCA')];
  if (own?.kind !== 'certificate' || trusted?.kind !== 'validation') throw new Error(`${name} has no certificate`);
  const { chain } = own.certificate;
  const { trustedCa } = trusted.validation;
  if (chain.kind !== 'inline' || trustedCa === undefined || trustedCa === 'system' || trustedCa.kind !== 'inline')
    throw new Error('no bytes');
  return { leaf: new X509Certificate(chain.bytes), roots: trustedCa.bytes.toString().split('BEGIN CERTIFICATE').length - 1 };
}

test('no call fails, and nothing of the old root is left', async () => {
  const kept = (await mesh.authority.get(secretKind, 'istio-system', 'istio-ca-secret')) as Secret;
  const old = authorityOf(kept)!;
  const fresh = await newAuthority(systemClock, 'the next root');
  const both = old.roots + fresh.roots;
  const steps: { material: AuthorityMaterial; roots: number; signer: string }[] = [
    { material: { ...old, roots: both }, roots: 2, signer: old.certificate },
    { material: { ...fresh, roots: both }, roots: 2, signer: fresh.certificate },
    { material: fresh, roots: 1, signer: fresh.certificate },
  ];
  const statuses = new Set<number>();
  let over = false;
  const load = (async () => {
    while (!over) statuses.add((await mesh.call({ url })).status);
  })();
  try {
    for (const { material, roots, signer } of steps) {
      const secret = secretOf(material, 'istio-system');
      const current = await mesh.authority.get(secretKind, 'istio-system', 'istio-ca-secret');
      await mesh.authority.update({ ...current!, ...secret, metadata: current!.metadata } as Secret);
      mesh.offer(JSON.stringify(secret));
      const { publicKey } = new X509Certificate(signer);
      await until('every proxy has followed', () =>
        names.every((name) => {
          const held = heldBy(name);
          return held.roots === roots && held.leaf.verify(publicKey);
        }),
      );
    }
  } finally {
    over = true;
    await load;
  }
  expect([...statuses]).toEqual([200]);
  expect((await mesh.call({ url })).seen?.headers['x-forwarded-client-cert']).toContain('sa/client');
});
