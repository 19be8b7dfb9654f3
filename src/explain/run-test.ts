// The command `test`: reads route tests and resources, judges, reports. Loaded only when asked for.
import type { Pod } from '#api/kinds/pod';
import type { CliContext } from '#cli/context';
import { writeProblems } from '#cli/message';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';
import { parseCall, proxyOfCall } from './call.ts';
import { Explainer, explainOn } from './explain.ts';
import type { Call, Explanation } from './explanation.ts';
import { formatExplanation } from './format.ts';
import { judge, judgeAnswer } from './judge.ts';
import { formatJunit, type TestResult } from './junit.ts';
import { type LiveSource, sendCall } from './live-call.ts';
import { readLiveProxy } from './live-proxy.ts';
import { loadWorld, readableJson, type SourceOptions, textOf } from './load-world.ts';
import { type RouteTest, readTests } from './route-test.ts';
import { formatCoverage, formatResults } from './test-report.ts';
import type { World } from './world.ts';

export interface TestOptions extends SourceOptions {
  output: 'text' | 'json' | 'junit';
  /** Prints which rules of VirtualServices no test reached. */
  coverage: boolean;
  /** Sends the calls through the proxies of the running mesh. */
  live: boolean;
}

/** Resolves to the exit code: 1 where a test failed or a file is wrong. */
export async function runTests(files: readonly string[], options: TestOptions, context: CliContext): Promise<number> {
  if (options.live && options.filename.length > 0) throw new MeshError('USAGE', '--live asks the running mesh: leave -f out');
  const tests: RouteTest[] = [];
  let broken = false;
  for (const file of files) {
    const read = readTests(await textOf(file), file);
    writeProblems(context, read.problems);
    broken ||= read.problems.length > 0;
    tests.push(...read.tests);
  }
  const world = await loadWorld(options, context);
  const ask = options.live ? liveAsker(world, options.api, context, await readableJson(context)) : fileAsker(world);
  const results: TestResult[] = [];
  for (const test of tests) results.push(await runTest(test, ask, context.color));
  context.stdout(formatters[options.output](results));
  if (options.coverage) context.stdout(formatCoverage(world.snapshot, results));
  return broken || results.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

const formatters: Readonly<Record<TestOptions['output'], (results: readonly TestResult[]) => string>> = {
  text: formatResults,
  junit: formatJunit,
  json: (results) => {
    const rows = results.map(({ name, origin, failures }) => ({ name, ...origin, failures }));
    return `${JSON.stringify(rows, null, 2)}\n`;
  },
};

/** What becomes of a test's call, and in what it is not as expected. */
type Ask = (test: RouteTest) => Promise<{ explanation: Explanation; failures: string[] }>;

function fileAsker(world: World): Ask {
  const explainer = new Explainer(world);
  return async ({ call, expect }) => {
    const explanation = explainer.explain(call);
    return { explanation, failures: judge(expect, explanation) };
  };
}

/** One call after the other, so that what a proxy counts meanwhile is the call's. TLS and TCP are judged by what the proxy holds. */
function liveAsker(world: World, api: HttpAccess, { httpCallCommand }: CliContext, json: CanonicalJson): Ask {
  const sources = new Map<string | undefined, Promise<LiveSource>>();
  const readSource = async (call: Call): Promise<LiveSource> => {
    const pod = runningPod(call, world);
    return { live: await readLiveProxy(pod, api, world, json), pod, api, httpCallCommand };
  };
  const sourceOf = (call: Call) => {
    let source = sources.get(call.from);
    if (source === undefined) sources.set(call.from, (source = readSource(call)));
    return source;
  };
  return async ({ call, expect }) => {
    const source = await sourceOf(call);
    const { live } = source;
    const explanation: Explanation = { ...explainOn(live.tables, call, live.proxy, world), differences: live.differences };
    if (parseCall(call).protocol !== 'http') return { explanation, failures: judge(expect, explanation) };
    return { explanation, failures: judgeAnswer(expect, explanation, await sendCall(call, explanation, source)) };
  };
}

function runningPod(call: Call, world: World): Pod {
  const { pod } = proxyOfCall(call, world);
  if (pod?.status?.podIP !== undefined) return pod;
  throw new MeshError('NO_SOURCE', `${call.from ?? 'the ingress gateway'} has no running pod to call from`);
}

async function runTest(test: RouteTest, ask: Ask, color: boolean): Promise<TestResult> {
  const { name, origin } = test;
  try {
    const { explanation, failures } = await ask(test);
    const reached = explanation.candidates.filter(({ matched }) => matched).map((candidate) => candidate.origin);
    return { name, origin, failures, reached, explanation: failures.length > 0 ? formatExplanation(explanation, color) : '' };
  } catch (thrown) {
    return { name, origin, failures: [messageOf(thrown)], reached: [], explanation: '' };
  }
}
