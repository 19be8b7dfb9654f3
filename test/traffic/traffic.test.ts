// What each field of Istio's traffic resources does, shown on traffic: real control plane, real proxies, real sockets.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Case, runExpectation } from './case.ts';
import { services, workloads } from './town.ts';
import { TrafficMesh } from './traffic-mesh.ts';
import { virtualServiceCases } from './virtual-service.cases.ts';

let mesh: TrafficMesh;
let takeAway: (() => Promise<void>) | undefined;

beforeAll(async () => {
  mesh = await TrafficMesh.start(workloads, services);
});
afterAll(() => mesh?.close());
afterEach(async () => {
  await takeAway?.();
  takeAway = undefined;
});

const tables: Readonly<Record<string, readonly Case[]>> = { VirtualService: virtualServiceCases };

describe.each(Object.entries(tables))('%s', (_, cases) => {
  test.each(cases.map((each) => [each.name, each] as const))('%s', async (_name, { yaml, calls }) => {
    takeAway = await mesh.apply(yaml);
    expect(mesh.problems).toEqual([]);
    for (const call of calls) await runExpectation(mesh, call);
  });
});
