// The town's mesh for the tests of one file: there before the first, gone after the last; what a test applies is taken away after it.
import { afterAll, afterEach, beforeAll } from 'vitest';
import { services, workloads } from './town.ts';
import { type TownOptions, TrafficMesh } from './traffic-mesh.ts';

/** `mesh` is there in tests and hooks only. */
export function useTrafficMesh(options?: TownOptions): { readonly mesh: TrafficMesh } {
  let mesh: TrafficMesh | undefined;
  beforeAll(async () => {
    mesh = await TrafficMesh.start(workloads, services, options);
  });
  afterAll(() => mesh?.close());
  afterEach(() => mesh?.restore());
  return {
    get mesh() {
      if (!mesh) throw new Error('the mesh has not been started yet');
      return mesh;
    },
  };
}
