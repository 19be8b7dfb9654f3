// What each field of Istio's traffic resources does, shown on traffic: real control plane, real proxies, real sockets.
import { describe, expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { gatewayKind } from '#api/kinds/gateway';
import { serviceEntryKind } from '#api/kinds/service-entry';
import { sidecarKind } from '#api/kinds/sidecar';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { workloadEntryKind } from '#api/kinds/workload-entry';
import { objectsOf } from '../control/fixture.ts';
import { runExpectation } from './case.ts';
import { fieldsOf, hasField, placesOf, sharedName } from './fields.ts';
import { trafficTables } from './tables.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const town = useTrafficMesh();

describe.each(Object.entries(trafficTables))('%s', (_, cases) => {
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_name, { yaml, calls }) => {
    const { mesh } = town;
    await mesh.apply(yaml);
    expect(mesh.problems).toEqual([]);
    for (const call of calls) await runExpectation(mesh, call);
  });
});

const kinds = [virtualServiceKind, destinationRuleKind, gatewayKind, serviceEntryKind, workloadEntryKind, sidecarKind];

/** Fields that no case shows, and why: a list to be made shorter. */
const notShown: readonly (readonly [fields: RegExp, reason: string])[] = [
  [
    /^VirtualService (tcp|tls)\[\]\.match\[\]\.destinationSubnets$|^VirtualService tls\[\]\.match\[\]\.source|^ServiceEntry addresses$/,
    'of redirected connections: golden/tls, golden/routes, golden/service-entry',
  ],
  [/^VirtualService tls\[\]\.route\[\]\.destination\.subset$/, 'as that of tcp: golden/tls'],
  [/^VirtualService tcp\[\]\.match\[\]\.sourceSubnet$/, 'deprecated: Istio ignores it as well'],
  [/^VirtualService http\[\]\.fault\.(delay\.exponentialDelay|abort\.http2Error)$/, 'Istio itself has not made them act'],
  [/^TrafficPolicy loadBalancer\.warmup/, 'goes by time: test/proxy/balance'],
  [/^TrafficPolicy loadBalancer\.consistentHash\.httpCookie\.attributes/, 'of the cookie that is made: test/control, test/proxy'],
  [
    /^TrafficPolicy connectionPool\.(tcp|http)\.(connectTimeout|idleTimeout|maxConnectionDuration|http2KeepAlive)/,
    'go by time: test/proxy, with a clock',
  ],
  [/^TrafficPolicy tls\.(clientCertificate|privateKey|caCertificates|caCrl)$/, 'files: test/proxy/tls.test.ts, golden/gateway-tls'],
  [/^TrafficPolicy retryBudget\./, 'test/proxy/limits'],
  [/^Gateway servers\[\]\.(port\.targetPort|defaultEndpoint)$/, 'deprecated: Istio ignores them as well'],
  [
    /^Gateway servers\[\]\.tls\.(serverCertificate|privateKey|caCertificates|caCrl|tlsCertificates|insecureSkipVerify)/,
    'files: test/proxy/tls.test.ts, golden/gateway-tls',
  ],
  [/^(ServiceEntry endpoints\[\]\.|WorkloadEntry )(network|serviceAccount)$/, 'networks are not in effect; accounts: mutual-tls.test.ts'],
  [/^Sidecar (in|e)gress\[\]\.port\.targetPort$/, 'Istio ignores it as well'],
];

describe('every field is shown', () => {
  const fields = [...new Set(kinds.flatMap(fieldsOf).map(sharedName))];
  const cases = Object.values(trafficTables).flat();
  const shown = new Set(cases.flatMap((each) => each.fields));

  test('by a case, or stands on the list', () => {
    const missing = fields.filter((field) => !shown.has(field) && !notShown.some(([pattern]) => pattern.test(field)));
    expect(missing).toEqual([]);
  });

  test('the list has nothing that a case shows, and nothing that is no field', () => {
    for (const [pattern] of notShown) {
      expect(
        fields.filter((field) => pattern.test(field) && !shown.has(field)),
        String(pattern),
      ).not.toEqual([]);
      expect(
        [...shown].filter((field) => pattern.test(field)),
        String(pattern),
      ).toEqual([]);
    }
  });

  test.each(cases.map((each) => [each.name, each] as const))('%s: has the fields that it names', (_name, { fields: named, yaml }) => {
    const objects = objectsOf(yaml) as { kind: string; spec?: unknown }[];
    expect(named.filter((field) => !objects.some((object) => placesOf(field).some((place) => hasField(object, place))))).toEqual([]);
  });
});
