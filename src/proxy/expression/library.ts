// CEL: loaded when a configuration first has an expression, then shared by all of the process.
import type { Environment } from '@marcbachmann/cel-js';
import { MeshError, messageOf } from '#foundation/mesh-error';

/** `context`: variables by name. Throws where it cannot be evaluated. */
export type Expression = (context: Readonly<Record<string, unknown>>) => unknown;

const expressionCharsMax = 10_000;
const limits = { maxAstNodes: 2_000, maxDepth: 50, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 32 };

/** What was loaded once is the same for everybody. */
let environment: Environment | undefined;
let loading: Promise<void> | undefined;

/** Before configuration with expressions is decoded. */
export function loadCel(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  const cel = await import('@marcbachmann/cel-js');
  environment = new cel.Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, limits });
}

/** Throws MeshError EXPRESSION with what is wrong with it. */
export function compileExpression(text: string): Expression {
  if (environment === undefined) throw new Error('bug: CEL is not loaded');
  if (text.length > expressionCharsMax) throw new MeshError('EXPRESSION', `an expression of more than ${expressionCharsMax} characters`);
  try {
    return environment.parse(text) as Expression;
  } catch (cause) {
    throw new MeshError('EXPRESSION', `"${text}" is no expression in CEL: ${messageOf(cause).split('\n', 1)[0]}`, { cause });
  }
}
