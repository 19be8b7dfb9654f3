// Mutual TLS between workloads: on by itself, made strict or switched off by PeerAuthentications, asked for by DestinationRules; and the
// identities that it brings, in headers and to AuthorizationPolicies.
import { once } from 'node:events';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { formatFamilies } from '#telemetry/metrics';
import { until } from '../integration/until.ts';
import { type Outcome, runExpectation } from './case.ts';
import type { Call } from './traffic-mesh.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const town = useTrafficMesh();

const peers = (spec: string, name = 'default', namespace = 'default') => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
---`;
const rule = (tls: string, host = 'sidecar') => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: tls, namespace: default}
spec: {host: ${host}, trafficPolicy: {tls: {${tls}}}}
---`;
const meshConfig = (text: string) => `
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: '${text}'}
---`;
const admits = (principal: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: who, namespace: default}
spec: {selector: {matchLabels: {app: sidecar}}, rules: [{from: [{source: {principals: ["${principal}"]}}]}]}
---`;

const url = 'http://sidecar.default:9080/';
const plainly = 'POD(sidecar-v1):9080';
const secured = (client = 'client', namespace = 'default'): Outcome => ({
  reaches: 'sidecar-v1',
  peer: `spiffe://cluster.local/ns/${namespace}/sa/${client}`,
});
const plain: Outcome = { reaches: 'sidecar-v1', headers: { 'x-forwarded-client-cert': undefined } };
const closed: Outcome = { fails: /hang up|ECONNRESET/ };
const unreached: Outcome = { status: 503 };
const own = 'selector: {matchLabels: {app: sidecar}}';

/** The server behind it is `sidecar-v1`, and shows its own account. */
const machine = (serviceAccount: string, subjectAltNames = '') => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: machine, namespace: default}
spec:
  hosts: [machine.example.com]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 9080}]
  location: MESH_INTERNAL
  resolution: STATIC
  subjectAltNames: [${subjectAltNames}]
  endpoints: [{address: POD(sidecar-v1), serviceAccount: ${serviceAccount}, labels: {security.istio.io/tlsMode: istio}}]
---`;
const atMachine = { url: 'http://machine.example.com/' };

const noCertificate = { 'x-forwarded-client-cert': undefined };
const sniffed = {
  url: 'http://sniffed.default:9080/',
  expect: { reaches: 'sniffed-v1', peer: 'spiffe://cluster.local/ns/default/sa/client' },
};

const cases: { name: string; yaml: string; calls: (Partial<Call> & { expect: Outcome })[] }[] = [
  {
    name: 'on by itself; plain calls are taken as well',
    yaml: '',
    calls: [{ expect: secured() }, { from: 'stranger', expect: secured('stranger', 'other') }, { at: plainly, expect: plain }],
  },
  {
    name: 'switched off for the mesh',
    yaml: meshConfig('enableAutoMtls: false'),
    calls: [{ expect: plain }],
  },
  {
    name: 'strict: plain calls are not taken',
    yaml: peers('mtls: {mode: STRICT}'),
    calls: [{ expect: secured() }, { at: plainly, expect: closed }],
  },
  {
    name: 'strict for the mesh, by the root namespace',
    yaml: peers('mtls: {mode: STRICT}', 'default', 'istio-system'),
    calls: [{ expect: secured() }, { at: plainly, expect: closed }],
  },
  {
    name: 'the namespace’s word goes before the mesh’s, the workload’s before both, the port’s before all',
    yaml: [
      peers('mtls: {mode: DISABLE}', 'default', 'istio-system'),
      peers('mtls: {mode: PERMISSIVE}'),
      peers(`${own}, mtls: {mode: STRICT}, portLevelMtls: {"9999": {mode: DISABLE}}`, 'own'),
    ].join(''),
    calls: [{ expect: secured() }, { at: plainly, expect: closed }],
  },
  {
    name: 'disabled at a port: clients know, and do not speak it',
    yaml: peers(`${own}, mtls: {mode: STRICT}, portLevelMtls: {"9080": {mode: DISABLE}}`, 'own'),
    calls: [{ expect: plain }, { at: plainly, expect: plain }],
  },
  {
    name: 'UNSET is as the next one says',
    yaml: [peers('mtls: {mode: STRICT}', 'default', 'istio-system'), peers(`${own}, mtls: {mode: UNSET}`, 'own')].join(''),
    calls: [{ at: plainly, expect: closed }],
  },
  { name: 'a rule that says plain is heeded', yaml: rule('mode: DISABLE'), calls: [{ expect: plain }] },
  {
    name: 'a rule that says plain, to who is strict',
    yaml: rule('mode: DISABLE') + peers('mtls: {mode: STRICT}'),
    calls: [{ expect: unreached }],
  },
  {
    name: 'ISTIO_MUTUAL, with automatic mutual TLS switched off',
    yaml: rule('mode: ISTIO_MUTUAL') + meshConfig('enableAutoMtls: false'),
    calls: [{ expect: secured() }],
  },
  {
    name: 'ISTIO_MUTUAL with the server’s own name',
    yaml: rule('mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/sidecar-v1"]'),
    calls: [{ expect: secured() }],
  },
  {
    name: 'ISTIO_MUTUAL with the name of somebody else',
    yaml: rule('mode: ISTIO_MUTUAL, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/ratings"]'),
    calls: [{ expect: unreached }],
  },
  {
    name: 'at a port whose protocol is not declared',
    yaml: '',
    calls: [sniffed, { ...sniffed, at: 'POD(sniffed-v1):9080', expect: { reaches: 'sniffed-v1', headers: noCertificate } }],
  },
  {
    name: 'the same, strict',
    yaml: peers('mtls: {mode: STRICT}'),
    calls: [sniffed, { ...sniffed, at: 'POD(sniffed-v1):9080', expect: closed }],
  },
  {
    name: 'a server shows an account of its service’s endpoints',
    yaml: machine('sidecar-v1'),
    calls: [{ ...atMachine, expect: secured() }],
  },
  {
    name: 'a server that shows another account of the same namespace is not spoken to',
    yaml: machine('ratings'),
    calls: [{ ...atMachine, expect: unreached }],
  },
  {
    name: 'but one that the service’s subjectAltNames name is',
    yaml: machine('ratings', '"spiffe://cluster.local/ns/default/sa/sidecar-v1"'),
    calls: [{ ...atMachine, expect: secured() }],
  },
  {
    name: 'ISTIO_MUTUAL to who has no certificate',
    yaml: rule('mode: ISTIO_MUTUAL', 'ratings'),
    calls: [{ url: 'http://ratings:9080/', expect: unreached }],
  },
  {
    name: 'an AuthorizationPolicy knows its callers',
    yaml: admits('cluster.local/ns/other/sa/stranger'),
    calls: [
      { from: 'stranger', expect: secured('stranger', 'other') },
      { expect: { status: 403 } },
      { at: plainly, expect: { status: 403 } },
    ],
  },
];

describe('mutual TLS', () => {
  test.each(cases)('$name', async ({ yaml, calls }) => {
    if (yaml !== '') await town.mesh.apply(yaml);
    // A kept connection serves one more request as it was before.
    for (const from of ['client', 'stranger']) await town.mesh.call({ from, url });
    for (const call of calls) await runExpectation(town.mesh, { url, ...call });
  });
});

/** A port is opened when the clusters behind it are ready. */
const untilListening = (name: string, port: number) =>
  until(`${name} listens`, async () => (await town.mesh.connect(name, port).catch(() => undefined))?.destroy() !== undefined);

test('bytes that are no HTTP, through a port whose protocol is not declared', async () => {
  const { mesh } = town;
  const port = 9080;
  await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: bound, namespace: default}
spec:
  workloadSelector: {labels: {app: client}}
  egress: [{port: {number: ${port}, protocol: TCP, name: tcp}, bind: 0.0.0.0, captureMode: NONE, hosts: ["./sniffed.default.svc.cluster.local"]}]
---
${peers('mtls: {mode: STRICT}')}`);
  await untilListening('client', port);
  const socket = await mesh.connect('client', port);
  try {
    socket.write('\u0001 no HTTP\r\n\r\n');
    const [answer] = await once(socket, 'data');
    // The program's own word: its proxy let the bytes through.
    expect(String(answer)).toMatch(/^HTTP\/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$/);
  } finally {
    socket.destroy();
  }
  expect(formatFamilies((await mesh.proxyOf('sniffed-v1').stats()).families)).toMatch(
    /istio_tcp_connections_opened_total\{[^}]*connection_security_policy="mutual_tls"[^}]*\} [1-9]/,
  );
});

test('metrics say who called, and that it was secured', async () => {
  await town.mesh.call({ url });
  const metrics = formatFamilies((await town.mesh.proxyOf('sidecar-v1').stats()).families);
  const line = metrics.split('\n').find((each) => each.startsWith('istio_requests_total') && each.includes('mutual_tls')) ?? '';
  expect(line).toContain('source_principal="spiffe://cluster.local/ns/default/sa/client"');
  expect(line).toContain('destination_principal="spiffe://cluster.local/ns/default/sa/sidecar-v1"');
});

describe('a gateway with AUTO_PASSTHROUGH', () => {
  const gateway = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: east-west, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["*.local"], tls: {mode: AUTO_PASSTHROUGH}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: sidecar, namespace: default}
spec: {host: sidecar, subsets: [{name: v1, labels: {app: sidecar}}]}
`;

  /** Whose certificate is shown to a client that asks for this name; undefined: nobody's. */
  async function identityAt(servername: string, protocol = 'istio'): Promise<string | undefined> {
    const socket = tls.connect({
      socket: await town.mesh.connect('gateway', 15_443),
      servername,
      ALPNProtocols: [protocol],
      rejectUnauthorized: false,
    });
    try {
      return await new Promise((resolve) => {
        socket.once('secureConnect', () => resolve(socket.getPeerCertificate().subjectaltname));
        socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
      });
    } finally {
      socket.destroy();
    }
  }

  const identity = 'URI:spiffe://cluster.local/ns/default/sa/sidecar-v1';

  test('leads to who is named in the SNI, and to nobody else', async () => {
    await town.mesh.apply(gateway);
    await untilListening('gateway', 15_443);
    expect(await identityAt('outbound_.9080_._.sidecar.default.svc.cluster.local')).toBe(identity);
    expect(await identityAt('outbound_.9080_.v1_.sidecar.default.svc.cluster.local')).toBe(identity);
    expect(await identityAt('outbound_.9080_.v2_.sidecar.default.svc.cluster.local')).toBeUndefined();
    expect(await identityAt('sidecar.default.svc.cluster.local')).toBeUndefined();
    expect(await identityAt('outbound_.9080_._.sidecar.default.svc.cluster.local', 'http/1.1')).toBeUndefined();
  });
});
