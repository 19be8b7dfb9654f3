// The command `diff`: the mesh before and after, the calls, and those whose decision changes. Loaded only when asked for.
import { type ApiObject, keyOf } from '#api/kind';
import type { CliContext } from '#cli/context';
import { writeProblems } from '#cli/message';
import { MeshError } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';
import { type ChangedCall, callsMax, changedCalls, type Decision, generateCalls } from './diff.ts';
import type { Call } from './explanation.ts';
import { formatHeadline } from './format.ts';
import { loadObjects, readMesh, textOf, worldOf } from './load-world.ts';
import { readCalls } from './recorded-calls.ts';
import type { World } from './world.ts';

export interface DiffOptions {
  /** What is changed, laid over the base. */
  filename: readonly string[];
  /** Files and folders; none: the running mesh. */
  base: readonly string[];
  /** The base is the running mesh, and is said to be. */
  live: boolean;
  /** `filename` is all there is: what is not in it is gone. */
  whole: boolean;
  /** None: generated. */
  calls: readonly string[];
  /** Who wrote the access logs among `calls`. */
  from: string | undefined;
  namespace: string | undefined;
  api: HttpAccess;
  output: 'text' | 'json';
}

/** Of a group of calls that change alike, and groups. */
const callsShown = 5;
const groupsShown = 100;

/** Resolves to the exit code, as diff(1)'s: 0 where nothing changes, 1 where something does. Trouble is thrown. */
export async function runDiff(options: DiffOptions, context: CliContext): Promise<number> {
  const { filename, base, whole, namespace, api } = options;
  if (filename.length === 0) throw new MeshError('USAGE', 'what is changed?', { hint: 'name the changed files with -f' });
  if (base.length > 0 && options.live) throw new MeshError('USAGE', '--base and --live are two bases: give one');
  const old = base.length > 0 ? await loadObjects({ filename: base, namespace, api }, context) : await readMesh(api, context);
  const changed = await loadObjects({ filename, namespace, api }, context);
  const before = await worldOf(old, context);
  const after = await worldOf(whole ? changed : overlaid(old, changed), context);
  const calls = options.calls.length > 0 ? await recordedCalls(options, context) : generatedCalls(before, after, context);
  const changes = changedCalls(before, after, calls);
  context.stdout(options.output === 'json' ? formatJson(calls.length, changes) : formatText(calls.length, changes, context.color));
  return changes.length > 0 ? 1 : 0;
}

function overlaid(old: readonly ApiObject[], changed: readonly ApiObject[]): ApiObject[] {
  const idOf = ({ kind, metadata }: ApiObject) => `${kind} ${keyOf(metadata)}`;
  const all = new Map(old.map((object) => [idOf(object), object]));
  for (const object of changed) {
    const { creationTimestamp } = all.get(idOf(object))?.metadata ?? {};
    // The age decides between rules of the same host: an edit does not make an object younger.
    const metadata = creationTimestamp === undefined ? object.metadata : { ...object.metadata, creationTimestamp };
    all.set(idOf(object), { ...object, metadata });
  }
  return [...all.values()];
}

function generatedCalls(before: World, after: World, { stderr }: CliContext): Call[] {
  const calls = generateCalls(before, after);
  if (calls.length >= callsMax) stderr(`warning: more than ${callsMax} calls can be made of the routes: the others were not asked\n`);
  return calls;
}

/** Throws MeshError RECORDED_CALLS where a file is not what it should be. */
async function recordedCalls({ calls, from }: DiffOptions, context: CliContext): Promise<Call[]> {
  const all: Call[] = [];
  for (const file of calls) {
    const read = readCalls(await textOf(file), file, from);
    writeProblems(context, read.problems);
    if (read.problems.length > 0)
      throw new MeshError('RECORDED_CALLS', `${file} cannot be read as calls`, { hint: 'see lateen diff --help' });
    all.push(...read.calls);
  }
  return all;
}

function formatJson(asked: number, changes: readonly ChangedCall[]): string {
  return `${JSON.stringify({ calls: asked, changes }, null, 2)}\n`;
}

/** Calls that change from the same to the same are listed together. */
function formatText(asked: number, changes: readonly ChangedCall[], color: boolean): string {
  const side = (name: string, { outcome, origin, refused }: Decision) => {
    const [first = '', ...more] = formatHeadline(outcome, color);
    return [
      `  ${name} ${first}`,
      ...more.map((line) => `         ${line}`),
      ...[refused, origin && `by ${origin}`].flatMap((line) => (line ? [`         ${line}`] : [])),
    ];
  };
  const alike = new Map<string, ChangedCall[]>();
  for (const change of changes) {
    const key = [...side('', change.before), ...side('', change.after)].join('\n');
    const known = alike.get(key);
    if (known) known.push(change);
    else alike.set(key, [change]);
  }
  const groups = [...alike.values()];
  const shown = groups.slice(0, groupsShown).flatMap((group) => {
    const { before, after } = group[0]!;
    const more = group.length > callsShown ? [`… and ${group.length - callsShown} more calls`] : [];
    return [
      ...group.slice(0, callsShown).map(({ call }) => callLine(call)),
      ...more,
      ...side('before', before),
      ...side('after ', after),
      '',
    ];
  });
  const more = groups.length > groupsShown ? [`… and ${groups.length - groupsShown} more changes (-o json has all)`] : [];
  return `${[...shown, ...more, `${changes.length} of ${asked} calls change`].join('\n')}\n`;
}

function callLine({ method, url, from, headers }: Call): string {
  const options = Object.entries(headers).map(([name, value]) => ` -H '${name}: ${value}'`);
  return `${method} ${url}${options.join('')}  from ${from ?? 'outside'}`;
}
