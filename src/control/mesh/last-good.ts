// Which versions of VirtualServices and DestinationRules serve together. The newest of each, unless that would take down what works: a
// VirtualService that names a subset which nobody defines waits behind its last good version, and so does a DestinationRule that takes away a
// subset which is in use. So the two may come in either order. What is deleted is gone.
import { isDeepStrictEqual } from 'node:util';
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { VirtualService } from '#api/kinds/virtual-service';
import { delegates, withDelegates } from './delegate.ts';
import type { Draft } from './draft.ts';
import { hostCovers, isWildcard, resolveHost } from './hostname.ts';
import type { ByKey } from './snapshot.ts';
import {
  type MissingSubset,
  missingSubset,
  missingSubsetProblem,
  SubsetIndex,
  subsetHosts,
  subsetInUse,
  subsetInUseProblem,
} from './subset-check.ts';
import { type MeshVirtualService, meshDestinationRule, meshVirtualService } from './traffic-resource.ts';

/** By `namespace/name`: what was written. */
interface Marked {
  virtualServices: ReadonlySet<string>;
  destinationRules: ReadonlySet<string>;
}

export function refreshTrafficRules(draft: Draft, marked: Marked): void {
  if (marked.virtualServices.size + marked.destinationRules.size === 0) return;
  const rules = new Set([...marked.destinationRules, ...waitingRules(draft)]);
  for (const key of rules) putNewest(draft, key);
  const held = new Map<string, Loss>();
  for (;;) {
    const verdicts = judge(draft, marked.virtualServices);
    const losses = verdicts.flatMap(({ loss }) => loss ?? []);
    const culprits = losses.flatMap((loss) => culpritsOf(draft, loss, rules).map((key) => ({ key, loss })));
    if (culprits.length === 0) {
      for (const verdict of verdicts) settle(draft, verdict);
      for (const key of rules) draft.write('problems', `DestinationRule ${key}`, problemOf(draft, key, held.get(key)));
      return;
    }
    for (const { key, loss } of culprits) {
      held.set(key, loss);
      draft.restore('destinationRules', key);
    }
  }
}

/** Those whose newest version does not serve yet. */
function waitingRules(draft: Draft): string[] {
  const prefix = 'DestinationRule ';
  return [...draft.read('problems')].flatMap(([object, problems]) =>
    object.startsWith(prefix) && problems.some(({ code }) => code === subsetInUse) ? [object.slice(prefix.length)] : [],
  );
}

function writtenRule(draft: Draft, key: string): DestinationRule | undefined {
  return draft.read('objects').get('DestinationRule')?.get(key) as DestinationRule | undefined;
}

function putNewest(draft: Draft, key: string): void {
  const object = writtenRule(draft, key);
  draft.put('destinationRules', key, object && ((stamp) => meshDestinationRule(object, stamp, draft.base.config)));
}

function problemOf(draft: Draft, key: string, loss: Loss | undefined) {
  const object = writtenRule(draft, key);
  return loss && object && [subsetInUseProblem(object, loss.missing.subset, loss.user)];
}

/** A VirtualService worked, and neither its newest version nor the one that serves can go on. */
interface Loss {
  user: string;
  missing: MissingSubset;
}

interface Verdict {
  key: string;
  /** Undefined: the VirtualService is gone. */
  make: ((stamp: number) => MeshVirtualService) | undefined;
  /** Of the newest version. */
  missing: MissingSubset | undefined;
  /** The version that serves goes on. */
  keep: boolean;
  loss: Loss | undefined;
}

/** Those that changed, those that name a subset of a DestinationRule that did, and always those with delegates, on which what they say depends. */
function judge(draft: Draft, marked: ReadonlySet<string>): Verdict[] {
  const { config } = draft.base;
  const objects = draft.read('objects').get('VirtualService');
  const find = (key: string) => objects?.get(key) as VirtualService | undefined;
  const keys = new Set([...marked, ...usersOfChangedRules(draft)]);
  if (keys.size + draft.changed.destinationRules.size === 0) return [];
  for (const [key, object] of objects ?? []) if (delegates(object as VirtualService)) keys.add(key);
  const subsets = subsetIndex(draft);
  let before: SubsetIndex | undefined;
  const lacks = (service: MeshVirtualService, index: SubsetIndex) => missingSubset(service, index, config.domainSuffix);
  return [...keys].map((key): Verdict => {
    const written = find(key);
    if (!written) return { key, make: undefined, missing: undefined, keep: false, loss: undefined };
    const object = withDelegates(written, find, config.domainSuffix);
    const make = (stamp: number) => meshVirtualService(object, stamp, config);
    const missing = lacks(make(0), subsets);
    const serving = draft.read('virtualServices').get(key);
    if (!missing || !serving) return { key, make, missing, keep: false, loss: undefined };
    const lost = lacks(serving, subsets);
    if (!lost) return { key, make, missing, keep: !isDeepStrictEqual(make(serving.stamp), serving), loss: undefined };
    before ??= SubsetIndex.of(draft.base.destinationRules);
    const loss = lacks(serving, before) ? undefined : { user: `VirtualService ${key}`, missing: lost };
    return { key, make, missing, keep: false, loss };
  });
}

/** VirtualServices that name a subset of a host of a changed DestinationRule, as they are written or as they serve. */
function usersOfChangedRules(draft: Draft): string[] {
  const tables = [draft.base.destinationRules, draft.read('destinationRules')];
  const hosts = new Set([...draft.changed.destinationRules].flatMap((key) => tables.flatMap((table) => table.get(key)?.host ?? [])));
  if (hosts.size === 0) return [];
  const { domainSuffix } = draft.base.config;
  const names = (key: string, object: VirtualService | undefined) =>
    object && subsetHosts(object).some((host) => covers(hosts, resolveHost(host, key.split('/', 1)[0] ?? '', domainSuffix)));
  const objects = (draft.read('objects').get('VirtualService') ?? new Map()) as ByKey<VirtualService>;
  const serving = draft.read('virtualServices');
  return [...objects].flatMap(([key, object]) => (names(key, object) || names(key, serving.get(key)?.object) ? [key] : []));
}

function covers(hosts: ReadonlySet<string>, host: string): boolean {
  return hosts.has(host) || [...hosts].some((wide) => isWildcard(wide) && hostCovers(wide, host));
}

function subsetIndex(draft: Draft): SubsetIndex {
  const rules = draft.read('destinationRules');
  // A table of its own is still being written to.
  return rules === draft.base.destinationRules ? SubsetIndex.of(rules) : new SubsetIndex(rules);
}

function settle(draft: Draft, { key, make, missing, keep }: Verdict): void {
  if (!keep) draft.put('virtualServices', key, make);
  draft.write('problems', `VirtualService ${key}`, make && missing && [missingSubsetProblem(make(0), missing, keep)]);
}

/** DestinationRules whose new version lacks the subset that their last one had. */
function culpritsOf(draft: Draft, { missing: { host, subset } }: Loss, rules: ReadonlySet<string>): string[] {
  return [...rules].filter((key) => {
    const before = draft.base.destinationRules.get(key);
    const now = draft.read('destinationRules').get(key);
    if (!before || !now || before === now) return false;
    return new SubsetIndex(new Map([[key, before]])).defines(host, subset);
  });
}
