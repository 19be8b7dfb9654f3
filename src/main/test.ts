// The module `lateen/test`: route tests in TypeScript, for any test runner.
//
//   import { Mesh } from 'lateen/test';
//   const mesh = await Mesh.load(['manifests/']);
//   mesh.expect({ from: 'productpage', call: 'GET http://reviews:9080/', headers: { 'end-user': 'jason' } }, { subset: 'v2' });
export type { Expected } from '#explain/expected';
export type { Candidate, Destination, Explanation, Headers, Mismatch, NearestMiss, Outcome, Policies } from '#explain/explanation';
export { Mesh, type MeshOptions, type RouteCall, RouteExpectationError } from '#explain/mesh';
