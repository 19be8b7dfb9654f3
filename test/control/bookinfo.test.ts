// Istio's own Bookinfo files, where they are at hand: each one, applied on top of the application and its subsets, becomes
// a configuration that Lateen's proxy takes whole.
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshSnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { decodeCluster } from '#proxy/config/decode-cluster';
import { decodeListener } from '#proxy/config/decode-listener';
import { decodeRouteTable } from '#proxy/config/decode-route';
import { type Decoded, decoding } from '#proxy/config/findings';
import { typeUrl } from '#xds/resource-type';
import { testProxy } from './fixture.ts';

const samples = path.join(import.meta.dirname, '../../../shared/samples/bookinfo');
const here = fs.existsSync(samples);
const networking = here ? fs.readdirSync(path.join(samples, 'networking')).filter((file) => file.endsWith('.yaml')) : [];

function objectsIn(file: string) {
  const { objects } = readManifest(fs.readFileSync(path.join(samples, file), 'utf8'), file);
  return objects.map((object) => ({ type: 'set' as const, object: { ...object, metadata: { namespace: 'default', ...object.metadata } } }));
}

const proxies = [
  testProxy(
    'sidecar~127.64.0.1~productpage.default~default.svc.cluster.local',
    { INTERCEPTION_MODE: 'NONE', HTTP_PROXY_PORT: '15001', LABELS: { app: 'productpage' } },
    'lateen',
  ),
  testProxy('router~127.64.0.9~ingress.istio-system~istio-system.svc.cluster.local', { LABELS: { istio: 'ingressgateway' } }, 'lateen'),
];

function complaintsAbout(snapshot: MeshSnapshot): string[] {
  const translator = new Translator(new ResourceCache());
  const everything = { wildcard: true, names: new Set<string>() };
  const routes = { wildcard: false, names: new Set(['http_proxy', 'http.8080', 'http.80', '9080']) };
  const complaints = (name: string, decoded: Decoded<unknown>) =>
    decoded.ok ? [] : decoded.findings.map((finding) => `${name}: ${finding}`);
  return proxies.flatMap((proxy) => {
    const view = new ViewFactory(snapshot).view(proxy);
    return [
      ...[...translator.translate(view, typeUrl.cluster, everything).values()].flatMap(({ name, body }) =>
        complaints(
          name,
          decoding((findings) => decodeCluster(Cluster.decode(body.value), findings)),
        ),
      ),
      ...[...translator.translate(view, typeUrl.listener, everything).values()].flatMap(({ name, body }) =>
        complaints(
          name,
          decoding((findings) => decodeListener(Listener.decode(body.value), findings)),
        ),
      ),
      ...[...translator.translate(view, typeUrl.route, routes).values()].flatMap(({ name, body, version }) =>
        complaints(
          name,
          decoding((findings) => decodeRouteTable(RouteConfiguration.decode(body.value), version, findings)),
        ),
      ),
    ];
  });
}

describe.skipIf(!here)('Bookinfo, as Istio ships it', () => {
  test.each(networking)('%s', (file) => {
    const application = [...objectsIn('platform/kube/bookinfo.yaml'), ...objectsIn('networking/destination-rule-all.yaml')];
    const { snapshot } = fold(fold(emptySnapshot(), application).snapshot, objectsIn(path.join('networking', file)));
    expect(complaintsAbout(snapshot)).toEqual([]);
  });
});

test.runIf(!here)(`skipped: ${samples} is not here`, () => {});
