// Which calls a change of the configuration sends elsewhere: each is explained before and after. Pure.
import { MeshError } from '#foundation/mesh-error';
import { proxyOfCall } from './call.ts';
import { Explainer } from './explain.ts';
import type { Call, Destination, Explanation, Outcome } from './explanation.ts';
import { callsOf } from './generated-calls.ts';
import { sourcesOf } from './source.ts';
import type { World } from './world.ts';

export const callsMax = 50_000;

export interface ChangedCall {
  call: Call;
  before: Decision;
  after: Decision;
}

export interface Decision {
  outcome: Outcome;
  /** The rule that decided, with file and line; undefined where none did. */
  origin: string | undefined;
  /** By whom and why, where a guard refuses the call. */
  refused?: string;
}

/** Made of the routes of both worlds, for one workload of each kind that they tell apart; at most `callsMax`, each once. */
export function generateCalls(before: World, after: World): Call[] {
  const calls = new Map<string, Call>();
  const sources = sourcesOf([before, after]);
  for (const world of [before, after]) {
    const explainer = new Explainer(world);
    for (const from of sources) {
      const proxy = sourceProxy(from, world);
      if (proxy === undefined) continue;
      for (const call of callsOf(explainer.tablesOf(proxy), from, publicPorts(from, world))) {
        if (calls.size < callsMax) calls.set(JSON.stringify(call), call);
      }
    }
  }
  return [...calls.values()];
}

/** Undefined where this world has no such workload. */
function sourceProxy(from: string | undefined, world: World) {
  try {
    return proxyOfCall({ from, url: '', method: 'GET', headers: {} }, world).proxy;
  } catch (thrown) {
    if (thrown instanceof MeshError) return undefined;
    throw thrown;
  }
}

/** A gateway's clients know the ports of its Service. */
function publicPorts(from: string | undefined, { services }: World): (port: number) => number {
  if (from !== undefined) return (port) => port;
  const ports = services.find(({ metadata }) => metadata.name === 'istio-ingressgateway')?.spec?.ports ?? [];
  return (port) => ports.find(({ targetPort }) => targetPort === port)?.port ?? port;
}

/** Those whose decision is another one; that the same is decided by another rule is no change. */
export function changedCalls(before: World, after: World, calls: readonly Call[]): ChangedCall[] {
  const explainers = [new Explainer(before), new Explainer(after)] as const;
  return calls.flatMap((call) => {
    const [old, young] = explainers.map((explainer) => decide(explainer, call)) as [Decision, Decision];
    const isSame = JSON.stringify([essence(old.outcome), old.refused]) === JSON.stringify([essence(young.outcome), young.refused]);
    return isSame ? [] : [{ call, before: old, after: young }];
  });
}

function decide(explainer: Explainer, call: Call): Decision {
  try {
    const { outcome, candidates, guards }: Explanation = explainer.explain(call);
    const guard = guards.find(({ verdict }) => verdict === 'refuses');
    const refused = guard && `${guard.filter} refuses it (${guard.reason})`;
    return { outcome, origin: candidates.findLast(({ matched }) => matched)?.origin, ...(refused !== undefined && { refused }) };
  } catch (thrown) {
    if (!(thrown instanceof MeshError) || thrown.code !== 'NO_SOURCE') throw thrown;
    return { outcome: { kind: 'none', status: undefined, message: thrown.message }, origin: undefined };
  }
}

/** Without what differs from run to run: addresses of pods, and how a dead end is worded. */
function essence(outcome: Outcome): unknown {
  if (outcome.kind === 'none') return { kind: outcome.kind, status: outcome.status };
  if (outcome.kind !== 'forward') return outcome;
  const ways = (destinations: readonly Destination[] = []) =>
    destinations
      .map(({ endpoints, ...rest }) => ({ ...rest, workloads: [...new Set(endpoints.map(({ workload }) => workload))].sort() }))
      .sort((a, b) => (a.cluster < b.cluster ? -1 : 1));
  const { destinations, policies } = outcome;
  return { ...outcome, destinations: ways(destinations), policies: { ...policies, mirrors: ways(policies.mirrors) } };
}
