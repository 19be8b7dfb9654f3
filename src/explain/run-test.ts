// The command `test`: reads route tests and resources, judges, reports. Loaded only when asked for.
import type { CliContext } from '#cli/context';
import { writeProblems } from '#cli/message';
import { messageOf } from '#foundation/mesh-error';
import { Explainer } from './explain.ts';
import { formatExplanation } from './format.ts';
import { judge } from './judge.ts';
import { formatJunit, type TestResult } from './junit.ts';
import { loadWorld, type SourceOptions, textOf } from './load-world.ts';
import { type RouteTest, readTests } from './route-test.ts';
import { formatCoverage, formatResults } from './test-report.ts';

export interface TestOptions extends SourceOptions {
  output: 'text' | 'json' | 'junit';
  /** Prints which rules of VirtualServices no test reached. */
  coverage: boolean;
}

/** Resolves to the exit code: 1 where a test failed or a file is wrong. */
export async function runTests(files: readonly string[], options: TestOptions, context: CliContext): Promise<number> {
  const tests: RouteTest[] = [];
  let broken = false;
  for (const file of files) {
    const read = readTests(await textOf(file), file);
    writeProblems(context, read.problems);
    broken ||= read.problems.length > 0;
    tests.push(...read.tests);
  }
  const world = await loadWorld(options, context);
  const explainer = new Explainer(world);
  const results = tests.map((test) => runTest(test, explainer, context.color));
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

function runTest(test: RouteTest, explainer: Explainer, color: boolean): TestResult {
  const { name, origin } = test;
  try {
    const explanation = explainer.explain(test.call);
    const failures = judge(test.expect, explanation);
    const reached = explanation.candidates.filter(({ matched }) => matched).map((candidate) => candidate.origin);
    return { name, origin, failures, reached, explanation: failures.length > 0 ? formatExplanation(explanation, color) : '' };
  } catch (thrown) {
    return { name, origin, failures: [messageOf(thrown)], reached: [], explanation: '' };
  }
}
