// The commands `explain` and `test`: read resources (files, or the running mesh), ask, print. Loaded only when asked for.
import { readFile } from 'node:fs/promises';
import type { ApiObject } from '#api/kind';
import { kinds } from '#api/registry';
import type { CliContext } from '#cli/context';
import { readManifests } from '#cli/manifest-files';
import { writeProblems } from '#cli/message';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { RemoteStore } from '#store/remote-store';
import type { Call } from './call.ts';
import { judge, type RouteTest, readTests } from './expectation.ts';
import { Explainer } from './explain.ts';
import { formatExplanation } from './format.ts';
import { formatJunit, type TestResult } from './junit.ts';
import { buildWorld, type World } from './world.ts';

export interface SourceOptions {
  /** Files and folders; none: the running mesh. */
  filename: readonly string[];
  namespace: string | undefined;
  apiUrl: string;
}

export interface ExplainOptions extends SourceOptions {
  from: string | undefined;
  method: string;
  /** `name: value` */
  header: readonly string[];
  output: 'text' | 'json';
}

/** Resolves to the exit code. */
export async function runExplain(url: string, options: ExplainOptions, context: CliContext): Promise<number> {
  const call: Call = { from: options.from, url, method: options.method.toUpperCase(), headers: parseHeaders(options.header) };
  const explanation = new Explainer(await loadWorld(options, context)).explain(call);
  context.stdout(options.output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation, context.color));
  return 0;
}

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
  const results = tests.map((test) => runTest(test, explainer, context));
  if (options.output === 'json')
    context.stdout(
      `${JSON.stringify(
        results.map(({ name, origin, failures }) => ({ name, ...origin, failures })),
        null,
        2,
      )}\n`,
    );
  else if (options.output === 'junit') context.stdout(formatJunit(results));
  else context.stdout(formatResults(results));
  if (options.coverage) context.stdout(formatCoverage(world, results));
  return broken || results.some(({ failures }) => failures.length > 0) ? 1 : 0;
}

function runTest(test: RouteTest, explainer: Explainer, { color }: CliContext): TestResult {
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

function formatResults(results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const indented = (text: string) => text.replace(/^(?=.)/gm, '    ');
  const text = failed.map(({ name, origin, failures, explanation }) => {
    return `✗ ${name} (${origin.file}:${origin.line})\n${failures.map((failure) => `    ${failure}\n`).join('')}${indented(explanation)}\n`;
  });
  return `${text.join('')}${results.length - failed.length} passed, ${failed.length} failed\n`;
}

/** Rules by origin: those of VirtualServices that are served, and whether a test reached them. */
function formatCoverage({ snapshot }: World, results: readonly TestResult[]): string {
  const reached = new Set(results.flatMap(({ reached: origins }) => origins.map((origin) => origin.replace(/ \(.*\)$/, ''))));
  const rules = [...snapshot.virtualServices.values()].flatMap(({ object, namespace, name }) =>
    (object.spec.http ?? []).map((_, i) => `VirtualService ${namespace}/${name} spec.http[${i}]`),
  );
  const missed = rules.filter((rule) => !reached.has(rule));
  return `coverage: ${rules.length - missed.length} of ${rules.length} rules\n${missed.map((rule) => `  not reached: ${rule}\n`).join('')}`;
}

async function loadWorld({ filename, namespace, apiUrl }: SourceOptions, context: CliContext): Promise<World> {
  if (filename.length === 0) return buildWorld(await readMesh(apiUrl, context));
  const { objects, problems } = await readManifests(context, filename, namespace);
  writeProblems(context, problems);
  return buildWorld(objects);
}

async function readMesh(url: string, { clock }: CliContext): Promise<ApiObject[]> {
  const store = new RemoteStore({ url, clock });
  try {
    return (await Promise.all(kinds.map((kind) => store.list(kind)))).flatMap(({ items }) => items);
  } catch (thrown) {
    throw new MeshError('NO_MESH', `there is no mesh at ${url}: ${messageOf(thrown)}`, {
      hint: 'name files with -f, or start one with lateen up',
      cause: thrown,
    });
  } finally {
    store.close();
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error) => {
    throw new MeshError('UNREADABLE', `${file} cannot be read: ${messageOf(error)}`);
  });
}

function parseHeaders(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    headers.map((header) => {
      const colon = header.indexOf(':');
      if (colon <= 0) throw new MeshError('USAGE', `"${header}" is no header`, { hint: '-H "end-user: jason"' });
      return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()];
    }),
  );
}
