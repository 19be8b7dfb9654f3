// The command `explain`: reads resources (files, or the running mesh), asks, prints. Loaded only when asked for.
import type { CliContext } from '#cli/context';
import { readManifests } from '#cli/manifest-files';
import { writeProblems } from '#cli/message';
import { MeshError } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';
import { concernOf } from './concern.ts';
import { Explainer, explainOn } from './explain.ts';
import type { Call, Explanation } from './explanation.ts';
import { formatExplanation } from './format.ts';
import { podOfProxy, readLiveProxy } from './live-proxy.ts';
import { loadWorld, readableJson, type SourceOptions, worldOf } from './load-world.ts';
import type { World } from './world.ts';

export interface ExplainOptions extends SourceOptions {
  from: string | undefined;
  /** `pod.namespace`, or the beginning of it: explained on what this proxy of the running mesh holds. */
  proxy: string | undefined;
  method: string;
  /** `name: value` */
  header: readonly string[];
  output: 'text' | 'json';
}

/** Resolves to the exit code. */
export async function runExplain(url: string, options: ExplainOptions, context: CliContext): Promise<number> {
  const { from, proxy, filename } = options;
  if (proxy !== undefined && (from !== undefined || filename.length > 0)) {
    throw new MeshError('USAGE', '--proxy asks a running proxy about its own calls: leave --from and -f out');
  }
  const call: Call = { from, url, method: options.method.toUpperCase(), headers: parseHeaders(options.header) };
  const explanation =
    proxy === undefined
      ? await explainHeld(call, options, context)
      : await explainLive(proxy, call, options.api, await loadWorld(options, context), context);
  context.stdout(options.output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation, context.color));
  return 0;
}

/** Of files, what has a say in the call is read first; where that gives no sure answer, all of them. */
async function explainHeld(call: Call, options: ExplainOptions, context: CliContext): Promise<Explanation> {
  const { filename, namespace } = options;
  const concern = filename.includes('-') ? undefined : concernOf(call);
  if (filename.length > 0 && concern !== undefined) {
    const { objects, problems } = await readManifests(context, filename, namespace, concern);
    const explanation = new Explainer(await worldOf(objects, context)).explain(call);
    if (isSure(explanation)) {
      writeProblems(context, problems);
      return explanation;
    }
  }
  return new Explainer(await loadWorld(options, context)).explain(call);
}

/** A rule of the host itself decided: what other hosts' rules say cannot matter. */
function isSure({ outcome, virtualHost }: Explanation): boolean {
  return outcome.kind !== 'none' && virtualHost !== undefined && !virtualHost.domains.includes('*');
}

async function explainLive(name: string, call: Call, api: HttpAccess, world: World, context: CliContext): Promise<Explanation> {
  const pod = podOfProxy(name, world);
  const { proxy, tables, differences } = await readLiveProxy(pod, api, world, await readableJson(context));
  const explanation = explainOn(tables, { ...call, from: proxy.name }, proxy, world);
  return { ...explanation, ...new Explainer(world).guards({ ...call, from: proxy.name }, explanation, pod), differences };
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
