// CEL, as definitions, webhooks and telemetry have it: the language without anybody's functions, and its bounds. Loaded when somebody has an
// expression. https://github.com/google/cel-spec
import { setFlagsFromString } from 'node:v8';
import type { Environment } from '@marcbachmann/cel-js';
import { MeshError } from '#foundation/mesh-error';

/** `context`: variables by name. Throws where it cannot be evaluated: a variable is not there, types do not fit. */
export type Expression = (context: Readonly<Record<string, unknown>>) => unknown;

const expressionCharsMax = 10_000;
const limits = { maxAstNodes: 2_000, maxDepth: 50, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 32 };

export class Cel {
  private constructor(private readonly environment: Environment) {}

  /** `functions`: by signature, such as `isURL(string): bool`. */
  static async load(functions: Readonly<Record<string, (...values: never[]) => unknown>> = {}): Promise<Cel> {
    const { Environment } = await import('@marcbachmann/cel-js');
    // The library matches by backtracking, and cannot be given another way: after 50,000 steps V8 goes on in linear time.
    setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
    const environment = new Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, limits });
    for (const [signature, run] of Object.entries(functions)) environment.registerFunction(signature, run);
    return new Cel(environment);
  }

  /** Throws MeshError EXPRESSION, in words that go on from what was wrong: "compilation failed: …". */
  compile(text: string): Expression {
    if (text.length > expressionCharsMax) {
      throw new MeshError('EXPRESSION', `an expression of ${text.length} characters is longer than ${expressionCharsMax}`);
    }
    try {
      return this.environment.parse(text) as Expression;
    } catch (cause) {
      throw new MeshError('EXPRESSION', `compilation failed: ${firstLine(cause)}`, { cause });
    }
  }
}

/** Of what an expression has thrown: what follows shows the place in it. */
export const firstLine = (thrown: unknown): string => String(thrown instanceof Error ? thrown.message : thrown).split('\n', 1)[0]!;
