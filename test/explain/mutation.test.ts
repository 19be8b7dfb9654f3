// Whether Bookinfo's route tests catch what goes wrong with Bookinfo's routing: every small change of it, one at a time.
//
// Left out are mutants that are refused (they never reach a proxy) and those that are equivalent by one rule: every proxy that a test
// calls from is given the same resources but for what routes nothing: the names of routes, the metadata that says where they are from,
// and the order of clusters, which has no meaning.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { examineObject } from '#api/decode';
import type { ApiObject } from '#api/kind';
import { readManifest } from '#api/manifest';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type { Route } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { proxyOfCall } from '#explain/call';
import { Explainer } from '#explain/explain';
import { judge } from '#explain/judge';
import { type RouteTest, readTests } from '#explain/route-test';
import { buildWorld, type World } from '#explain/world';
import { typeUrl } from '#xds/resource-type';
import { mutantsOf } from './mutation.ts';

const sample = fileURLToPath(new URL('../../samples/bookinfo', import.meta.url));
const objectsOf = (file: string) => readManifest(readFileSync(path.join(sample, file), 'utf8'), file, { namespace: 'default' }).objects;
const application = objectsOf('bookinfo.yaml');
const routing = [...objectsOf('gateway.yaml'), ...objectsOf('routing/rules.yaml')];
const { tests } = readTests(readFileSync(path.join(sample, 'routing.test.yaml'), 'utf8'), 'routing.test.yaml');

function failuresOf(world: World): string[] {
  const explainer = new Explainer(world);
  return tests.flatMap(({ name, call, expect: expected }) =>
    judge(expected, explainer.explain(call)).map((failure) => `${name}: ${failure}`),
  );
}

/** All that the callers' proxies are given, without names and origins. */
function resourcesOf(world: World): string {
  const translator = new Translator(new ResourceCache());
  const views = new ViewFactory(world.snapshot);
  const callers = new Map(tests.map(({ call }: RouteTest) => [call.from, proxyOfCall(call, world).proxy]));
  const all = { wildcard: true, names: new Set<string>() };
  const given = [...callers].map(([from, proxy]) => {
    const view = views.view(proxy);
    const named = (type: Parameters<Translator['translate']>[1], names: Iterable<string>) =>
      [...translator.translate(view, type, { wildcard: false, names: new Set(names) }).values()].map(({ body }) => body.value);
    const clusters = translator.translate(view, typeUrl.cluster, all);
    const listeners = [...translator.translate(view, typeUrl.listener, all).values()].map(({ body }) => Listener.decode(body.value));
    const ports = ['80', '443', '9080', 'http.8080', 'http.80', 'http.8081', 'http.81', 'http.79'];
    const routes = named(typeUrl.route, ports).map((bytes) => RouteConfiguration.decode(bytes));
    const hosts = routes.flatMap(({ name, virtualHosts }) => [name, ...virtualHosts]);
    return [
      from,
      listeners.map((listener) => ({
        ...listener,
        filterChains: listener.filterChains.map((chain) => ({ ...chain, metadata: undefined })),
      })),
      hosts.map((host) => (typeof host === 'string' ? host : { ...host, routes: host.routes.map(meaningOf) })),
      [...clusters.values()].map(({ name, body }) => [name, body.value.toString('base64')]).sort(),
      named(typeUrl.endpoint, [...clusters.keys()].sort())
        .map((bytes) => bytes.toString('base64'))
        .sort(),
    ];
  });
  return JSON.stringify(given);
}

function meaningOf(route: Route): unknown {
  const specifier = route.action?.$case === 'route' ? route.action.value.clusterSpecifier : undefined;
  const split = specifier?.$case === 'weightedClusters' ? specifier.value.clusters.map((cluster) => JSON.stringify(cluster)).sort() : [];
  const action = split.length === 0 ? route.action : { ...route.action?.value, clusterSpecifier: split };
  return { ...route, action, name: '', metadata: undefined };
}

const isSound = (objects: readonly ApiObject[]) =>
  objects.every((object) => examineObject(object, {}).problems.every(({ level }) => level !== 'error'));

test("Bookinfo's route tests pass, and catch nearly every change of its routing", () => {
  const world = buildWorld([...application, ...routing]);
  expect(failuresOf(world)).toEqual([]);
  const unchanged = resourcesOf(world);
  const caught: string[] = [];
  const survived: string[] = [];
  for (const { what, objects } of mutantsOf(routing)) {
    if (!isSound(objects)) continue;
    const mutated = buildWorld([...application, ...objects]);
    if (resourcesOf(mutated) === unchanged) continue;
    (failuresOf(mutated).length > 0 ? caught : survived).push(what);
  }
  const share = caught.length / (caught.length + survived.length);
  process.stdout.write(
    `mutants: ${caught.length} of ${caught.length + survived.length} caught (${(share * 100).toFixed(1)}%)\n` +
      survived.map((what) => `  survived: ${what}\n`).join(''),
  );
  expect(caught.length + survived.length).toBeGreaterThanOrEqual(50);
  expect(share, survived.join('\n')).toBeGreaterThanOrEqual(0.95);
}, 120_000);
