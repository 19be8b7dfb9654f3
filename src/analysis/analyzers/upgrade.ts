// What acts otherwise here than in an older Istio: for who comes from there. `precheck --from-version` runs it. The changes are those of
// Istio's upgrade notes, each with the last minor version that had the old way.
import type { ApiObject } from '#api/kind';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { Service } from '#api/kinds/service';
import type { ServiceEntry } from '#api/kinds/service-entry';
import type { VirtualService } from '#api/kinds/virtual-service';
import type { KindKey } from '../analyzer.ts';
import { type Analyzer, analyzer, type Finding, finding, isSame, naming } from '../analyzer.ts';
import { hostsOverlap } from '../host.ts';
import type { Resources } from '../resources.ts';

interface Change {
  /** Of Istio 1. */
  lastMinor: number;
  kind: KindKey;
  check(object: ApiObject, resources: Resources): Iterable<Finding>;
}

const destinationRule = 'networking.istio.io/DestinationRule';
const virtualService = 'networking.istio.io/VirtualService';

const changes: readonly Change[] = [
  { lastMinor: 20, kind: destinationRule, check: clientTls as Change['check'] },
  { lastMinor: 20, kind: '/Service', check: externalName as Change['check'] },
  { lastMinor: 20, kind: virtualService, check: overlappingWildcards as Change['check'] },
  { lastMinor: 21, kind: 'networking.istio.io/ServiceEntry', check: passthroughTargetPorts as Change['check'] },
];

/** `minor`: of the Istio 1 that the resources come from. */
export function upgradeAnalyzer(minor: number): Analyzer {
  const met = changes.filter(({ lastMinor }) => minor <= lastMinor);
  return analyzer('precheck.Upgrade', [...new Set(met.map(({ kind }) => kind))], function* (object: ApiObject, resources) {
    for (const { kind, check } of met) if (kind.endsWith(`/${object.kind}`)) yield* check(object, resources);
  });
}

function* clientTls(object: DestinationRule): Iterable<Finding> {
  const { trafficPolicy, subsets = [] } = object.spec;
  const policies = [
    { at: 'spec.trafficPolicy', policy: trafficPolicy },
    ...subsets.map((subset, index) => ({ at: `spec.subsets[${index}].trafficPolicy`, policy: subset.trafficPolicy })),
  ];
  for (const { at, policy } of policies) {
    const ports = policy?.portLevelSettings ?? [];
    const settings = [{ at, tls: policy?.tls }, ...ports.map(({ tls }, index) => ({ at: `${at}.portLevelSettings[${index}]`, tls }))];
    for (const { at: place, tls } of settings) {
      if (tls?.mode !== 'SIMPLE' && tls?.mode !== 'MUTUAL') continue;
      const said = (message: string, hint: string) => finding('IST0169', object, `${place}.tls`, `${message} (since Istio 1.21)`, hint);
      if (!tls.caCertificates && !tls.credentialName && !tls.insecureSkipVerify) {
        yield said('the certificate of the other side was not verified; now it is', 'set insecureSkipVerify where that is wanted');
      }
      if (!tls.sni)
        yield said('no server name was sent; now it is the name that the client asked for', 'set sni where it has to be another');
    }
  }
}

function* externalName(object: Service): Iterable<Finding> {
  if (object.spec?.type !== 'ExternalName') return;
  const message = 'was a destination of its own; now it is another name of what it stands for, whose routes apply (since Istio 1.21)';
  yield finding('IST0169', object, 'spec.externalName', message);
}

/** Which of them took a request was a matter of age: whether that differed, nobody can tell from here. */
function* overlappingWildcards(object: VirtualService, resources: Resources): Iterable<Finding> {
  const wild = (each: VirtualService) => (each.spec.hosts ?? []).filter((host) => host.startsWith('*'));
  for (const other of resources.all<VirtualService>(virtualService)) {
    if (isSame(object, other)) continue;
    const host = wild(object).find((own) => (other.spec.hosts ?? []).some((their) => their !== own && hostsOverlap(own, their)));
    if (host === undefined) continue;
    const message = `${host} overlaps with a host of ${naming(other)}: the older of the two won; now the more specific host does (since Istio 1.21)`;
    yield finding('IST0168', object, 'spec.hosts', message);
    return;
  }
}

function* passthroughTargetPorts(object: ServiceEntry): Iterable<Finding> {
  const { resolution = 'NONE', ports = [] } = object.spec;
  if (resolution !== 'NONE') return;
  for (const [index, { number, targetPort }] of ports.entries()) {
    if (targetPort === undefined || targetPort === 0 || targetPort === number) continue;
    const message = `targetPort ${targetPort} had no effect with resolution NONE; now requests go to that port (since Istio 1.22)`;
    yield finding('IST0169', object, `spec.ports[${index}].targetPort`, message);
  }
}
