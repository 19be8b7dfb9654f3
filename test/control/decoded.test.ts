// Both halves at once: what the control plane makes of every golden mesh, Lateen's proxy takes without a complaint.
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { decodeCluster } from '#proxy/config/decode-cluster';
import { decodeListener } from '#proxy/config/decode-listener';
import { decodeRouteTable } from '#proxy/config/decode-route';
import { decoding } from '#proxy/config/findings';
import { typeUrl } from '#xds/resource-type';
import { snapshotOf, testProxy } from './fixture.ts';

const folder = path.join(import.meta.dirname, '..', 'golden');
const inputs = fs.readdirSync(folder).filter((file) => file.endsWith('.in.yaml'));
const everything = { wildcard: true, names: new Set<string>() };

test.each(inputs)('%s', (file) => {
  const text = fs.readFileSync(path.join(folder, file), 'utf8');
  const { proxies } = parseAllDocuments(text)[0]!.toJS() as { proxies: { id: string; metadata?: Record<string, unknown> }[] };
  const snapshot = snapshotOf(text.slice(text.indexOf('\n---\n') + 5));
  const translator = new Translator(new ResourceCache());
  const complaints: string[] = [];
  let decoded = 0;
  const take = (name: string, result: { ok: true } | { ok: false; findings: readonly string[] }) => {
    decoded++;
    if (!result.ok) complaints.push(...result.findings.map((finding) => `${name}: ${finding}`));
  };
  for (const { id, metadata } of proxies) {
    const view = new ViewFactory(snapshot).view(testProxy(id, metadata, 'lateen'));
    for (const { name, body } of translator.translate(view, typeUrl.cluster, everything).values()) {
      take(
        name,
        decoding((findings) => decodeCluster(Cluster.decode(body.value), findings)),
      );
    }
    for (const { name, body } of translator.translate(view, typeUrl.listener, everything).values()) {
      take(
        name,
        decoding((findings) => decodeListener(Listener.decode(body.value), findings)),
      );
    }
    const routes = { wildcard: false, names: new Set(['http_proxy', 'http.8080', '80', '90', '8000', '8080', '9080']) };
    for (const { name, body, version } of translator.translate(view, typeUrl.route, routes).values()) {
      take(
        name,
        decoding((findings) => decodeRouteTable(RouteConfiguration.decode(body.value), version, findings)),
      );
    }
  }
  expect(complaints).toEqual([]);
  expect(decoded).toBeGreaterThan(5);
});
