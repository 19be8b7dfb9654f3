// `describe` of what a file holds: a golden text for each pod and service.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

const file = fileURLToPath(new URL('fixtures/describe.yaml', import.meta.url));

async function describe(...args: string[]) {
  const { code, stderr, stdout } = await runCli([...args, '-f', file]);
  return { code, stderr, stdout: stdout.replaceAll(file, 'mesh.yaml') };
}

const routing = (toPod: boolean) => `   Route to${toPod ? ' non-matching' : ''} reviews subset v2 for /a* end-user=jason (mesh.yaml:42)
   /old: a redirect (mesh.yaml:44)
   Route to reviews subset v1, weight 90% for (everything) (mesh.yaml:46)
   Route to another service, other subset v1, weight 10% for (everything) (mesh.yaml:46)
`;
const exposure = `Exposed on Gateway shop: 80/HTTP for *.example.com
   VirtualService: shop for shop.example.com
      Match: /reviews*
WARNING: VirtualService shop names Gateway gone, which does not exist
`;
const metrics = `   Port: metrics 9090/auto-detect targets pod port 9090
   WARNING: port 9090 does not tell its protocol: name it protocol or protocol-suffix, such as http-web
`;

const cases: readonly (readonly [args: readonly string[], text: string])[] = [
  [
    ['describe', 'pod', 'reviews-v1'],
    `Pod: reviews-v1-a-1
   Pod Ports: 8081 (reviews), 53/UDP (reviews)
--------------------
Service: reviews
   Port: http 9080/HTTP targets pod port 8081
${metrics}DestinationRule: reviews for "reviews"
   Matching subsets: v1
      Non-matching subsets: v2
   Traffic Policy: TLS mode: ISTIO_MUTUAL, connection pool
VirtualService: reviews
${routing(true)}${exposure}--------------------
Effective PeerAuthentication:
   Workload mTLS mode: STRICT, port 8081: DISABLE
   Applied PeerAuthentication: of-reviews.default, strict.istio-system
AuthorizationPolicies:
   ALLOW nobody.default: no rules, so nothing is allowed
`,
  ],
  [
    ['x', 'describe', 'svc', 'reviews.default'],
    `Service: reviews
   Port: http 9080/HTTP targets pod port 8081
${metrics}   Pods: reviews-v1-a-1
DestinationRule: reviews for "reviews"
   Matching subsets: v1
   WARNING: subset v2 (version=v2) has no pods
   Traffic Policy: TLS mode: ISTIO_MUTUAL, connection pool
VirtualService: reviews
${routing(false)}${exposure}`,
  ],
  [
    ['experimental', 'describe', 'service', 'outside'],
    'Service: outside\n   Port: tcp-db 1/TCP targets pod port 1\n   External name: example.com\n',
  ],
  [
    ['des', 'po', 'lonely'],
    `Pod: lonely
   Pod Ports: none
WARNING: lonely has no label app: telemetry cannot name it well
WARNING: lonely has no label version: telemetry cannot name it well
WARNING: no Service selects this pod
--------------------
Effective PeerAuthentication:
   Workload mTLS mode: STRICT
   Applied PeerAuthentication: strict.istio-system
AuthorizationPolicies:
   ALLOW nobody.default: no rules, so nothing is allowed
`,
  ],
  [
    ['describe', 'pod', 'stranger', '-n', 'other'],
    `Pod: stranger
   Namespace: other
   Pod Ports: none
WARNING: stranger is not part of the mesh: it has no istio-proxy
WARNING: no Service selects this pod
--------------------
Effective PeerAuthentication:
   Workload mTLS mode: STRICT
   Applied PeerAuthentication: strict.istio-system
`,
  ],
];

test.each(cases)('%s', async (args, text) => {
  expect(await describe(...args)).toEqual({ code: 0, stderr: '', stdout: text });
});

test.each([
  [['describe', 'service', 'nothing'], 'there is no Service "nothing" in namespace default'],
  [['describe', 'pod', 'nothing.other'], 'there is no pod "nothing.other"'],
])('%s', async (args, message) => {
  expect(await describe(...args)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(message) });
});
