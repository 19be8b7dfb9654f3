// The command `explain`: reads resources (files, or the running mesh), asks, prints. Loaded only when asked for.
import type { CliContext } from '#cli/context';
import { MeshError } from '#foundation/mesh-error';
import { Explainer } from './explain.ts';
import type { Call } from './explanation.ts';
import { formatExplanation } from './format.ts';
import { loadWorld, type SourceOptions } from './load-world.ts';

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

function parseHeaders(headers: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    headers.map((header) => {
      const colon = header.indexOf(':');
      if (colon <= 0) throw new MeshError('USAGE', `"${header}" is no header`, { hint: '-H "end-user: jason"' });
      return [header.slice(0, colon).trim().toLowerCase(), header.slice(colon + 1).trim()];
    }),
  );
}
