// All analyzers together. Pure.
import type { ApiObject } from '#api/kind';
import type { Problem } from '#foundation/problem';
import type { Analyzer } from './analyzer.ts';
import { clashingHosts } from './clashing-hosts.ts';
import { clashingServers } from './clashing-servers.ts';
import { clashingSubsets } from './clashing-subsets.ts';
import { notYetInEffect } from './not-yet-in-effect.ts';
import { ResourceIndex } from './resource-index.ts';
import { unknownGateway } from './unknown-gateway.ts';
import { unknownHost } from './unknown-host.ts';
import { unknownSubset } from './unknown-subset.ts';

const analyzers: readonly Analyzer[] = [
  unknownHost,
  unknownSubset,
  unknownGateway,
  clashingHosts,
  clashingServers,
  clashingSubsets,
  notYetInEffect,
];

/** What is wrong with one object among the others. */
export function analyzeObject(object: ApiObject, resources: ResourceIndex): Problem[] {
  return analyzers.flatMap((analyzer) => analyzer(object, resources));
}

/** What is wrong with a set of objects as a whole. */
export function analyze(objects: Iterable<ApiObject>): Problem[] {
  const all = [...objects];
  const resources = new ResourceIndex(all);
  return all.flatMap((object) => analyzeObject(object, resources));
}
