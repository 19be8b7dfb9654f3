// The module `lateen/test`: route tests in TypeScript, for any test runner.
//
//   import { Mesh } from 'lateen/test';
//   const mesh = await Mesh.load(['manifests/']);
//   mesh.expect({ from: 'productpage', call: 'GET http://reviews:9080/', headers: { 'end-user': 'jason' } }, { subset: 'v2' });
import { ExplainedMesh, type MeshOptions } from '#explain/mesh';
import { canonicalJson } from './package.ts';

export type { Expected } from '#explain/expected';
export type { Candidate, Destination, Explanation, Guard, Headers, Mismatch, NearestMiss, Outcome, Policies } from '#explain/explanation';
export { type MeshOptions, type RouteCall, RouteExpectationError } from '#explain/mesh';

export class Mesh extends ExplainedMesh {
  /** Reads files and folders of YAML and JSON. Rejects with every error of every file. */
  static async load(paths: readonly string[], options: MeshOptions = {}): Promise<Mesh> {
    return new Mesh(await Mesh.read(paths, options, { canonicalJson }));
  }
}
