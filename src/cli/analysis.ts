// One run of `lateen analyze`: reads, analyzes, shows. Loaded when it is asked for: no other command needs the analyzers.
import { readFile } from 'node:fs/promises';
import { analyze } from '#analysis/analyze';
import type { Finding } from '#analysis/analyzer';
import { allAnalyzers, defaultAnalyzers } from '#analysis/analyzers';
import { atLeast, type Level, levelOf } from '#analysis/code';
import { defaultIngressGateway } from '#analysis/default-ingress-gateway';
import { envoyProblemFor } from '#analysis/envoy-problem';
import { type MeshConfig, parseMeshConfig } from '#analysis/mesh-config';
import { Resources } from '#analysis/resources';
import { parseSuppression } from '#analysis/suppression';
import type { ApiObject } from '#api/kind';
import { kubernetesKinds } from '#api/kubernetes-kinds';
import { manifestItems } from '#api/manifest';
import { kinds } from '#api/registry';
import type { Timer } from '#foundation/clock';
import { durationMs } from '#foundation/duration';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import { showFindings } from './findings.ts';
import { textsOf } from './manifest-files.ts';
import { writeProblems } from './message.ts';
import type { Session } from './session.ts';

interface AnalysisOptions {
  useKube: boolean;
  recursive: boolean;
  namespace?: string;
  allNamespaces: boolean;
  listAnalyzers: boolean;
  analyzer: string[];
  suppress: string[];
  failureThreshold: Level;
  outputThreshold: Level;
  output: 'log' | 'json' | 'yaml';
  meshConfigFile?: string;
  timeout: string;
  color: boolean;
  verbose?: boolean;
}

/** As istioctl's. */
export const exitFound = 79;
const exitUnreadable = 65;

export async function runAnalysis(session: Session, paths: readonly string[], options: AnalysisOptions): Promise<void> {
  const { context } = session;
  const analyzers = chosen(options.analyzer);
  if (options.listAnalyzers)
    return context.stdout(
      `${allAnalyzers
        .map(({ name }) => name)
        .sort()
        .join('\n')}\n`,
    );
  const suppressed = options.suppress.map(suppression);
  const meshConfig = options.meshConfigFile === undefined ? undefined : await meshConfigFile(options.meshConfigFile);
  const live = options.useKube ? await running(session, durationMs(options.timeout) ?? 0) : [];
  const files = await readFiles(session, paths, options.recursive);
  const assumed = options.useKube ? [] : defaultIngressGateway;
  const objects = [...assumed, ...live, ...files.objects];
  const envoyProblem = await envoyProblemFor(objects, context.canonicalJson);
  const resources = new Resources(objects, {
    ...(envoyProblem && { envoyProblem }),
    meshConfig,
    problems: files.problems,
    nowMs: context.clock.wallMs(),
  });
  if (options.verbose) context.stderr(`${analyzers.length} analyzers, ${live.length + files.objects.length} resources\n`);
  const found = analyze(resources, analyzers).filter(
    (finding) => !assumed.includes(finding.object) && !suppressed.some((matches) => matches(finding)) && isAskedFor(finding, options),
  );
  showFindings(
    session,
    found.filter(({ code }) => atLeast(levelOf(code), options.outputThreshold)),
    options,
  );
  writeProblems(context, files.unreadable);
  const fails = found.some(({ code }) => atLeast(levelOf(code), options.failureThreshold));
  if (fails) session.fail(exitFound);
  else if (files.unreadable.length > 0) session.fail(exitUnreadable);
}

function chosen(names: readonly string[]) {
  const unknown = names.find((name) => !allAnalyzers.some((analyzer) => analyzer.name === name));
  if (unknown !== undefined) throw new MeshError('USAGE', `no analyzer is called "${unknown}"`, { hint: 'list them: lateen analyze -L' });
  return names.length === 0 ? defaultAnalyzers : allAnalyzers.filter(({ name }) => names.includes(name));
}

function suppression(text: string) {
  const matches = parseSuppression(text);
  if (matches) return matches;
  throw new MeshError('USAGE', `"${text}" is no suppression`, { hint: 'write CODE=Kind name.namespace, such as "IST0103=Pod *.default"' });
}

async function meshConfigFile(path: string): Promise<MeshConfig> {
  try {
    return parseMeshConfig(await readFile(path, 'utf8'));
  } catch (error) {
    throw new MeshError('UNREADABLE', `${path} cannot be read: ${messageOf(error)}`);
  }
}

export interface Files {
  objects: ApiObject[];
  problems: Map<ApiObject, Problem[]>;
  /** Of what did not come out as objects. */
  unreadable: Problem[];
}

/** What can be read is analyzed, with its errors; what cannot is named. Kinds that nobody here knows are left alone. */
export async function readFiles(session: Session, paths: readonly string[], recursive: boolean): Promise<Files> {
  const files: Files = { objects: [], problems: new Map(), unreadable: [] };
  for await (const { name, text } of textsOf(session.context, paths, recursive)) {
    for (const { object, problems } of manifestItems(text, name, { otherKinds: kubernetesKinds, mend: true })) {
      if (object) {
        files.objects.push(object);
        files.problems.set(object, problems);
      } else files.unreadable.push(...problems.filter(({ code, message }) => code !== 'UNKNOWN_KIND' || message.includes('.istio.io')));
    }
  }
  return files;
}

/** All that the mesh's API holds, of the kinds that it serves. */
async function running(session: Session, timeoutMs: number): Promise<ApiObject[]> {
  const { clock } = session.context;
  return session.withStore(async (store) => {
    let timer: Timer | undefined;
    const expired = new Promise<never>((_, reject) => {
      const late = new MeshError('UNAVAILABLE', `the mesh did not answer within ${timeoutMs} ms`);
      timer = clock.after(timeoutMs, () => reject(late));
    });
    try {
      const lists = await Promise.race([Promise.all(kinds.map((kind) => store.list(kind))), expired]);
      return lists.flatMap(({ items }) => items);
    } finally {
      timer?.cancel();
    }
  });
}

function isAskedFor({ object }: Finding, { namespace, allNamespaces }: AnalysisOptions): boolean {
  if (namespace === undefined || allNamespaces) return true;
  return object.metadata.namespace === namespace || (object.kind === 'Namespace' && object.metadata.name === namespace);
}
