// Expressions in CEL, as definitions and webhooks have them: Kubernetes' functions for strings on top of the language, and bounds. Loaded
// when somebody has an expression.
import type { Environment } from '@marcbachmann/cel-js';
import { StoreError } from '#store/store-error';

export type Expression = (context: Readonly<Record<string, unknown>>) => unknown;

const expressionCharsMax = 10_000;
const limits = { maxAstNodes: 2_000, maxDepth: 50, maxListElements: 500, maxMapEntries: 500, maxCallArguments: 32 };

export class CelEnvironment {
  private constructor(private readonly environment: Environment) {}

  static async load(): Promise<CelEnvironment> {
    const cel = await import('@marcbachmann/cel-js');
    const environment = new cel.Environment({ unlistedVariablesAreDyn: true, homogeneousAggregateLiterals: false, limits });
    environment
      .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
      .registerFunction('string.find(string): string', (text: string, pattern: string) => new RegExp(pattern).exec(text)?.[0] ?? '')
      .registerFunction('string.findAll(string): list', (text: string, pattern: string) => text.match(new RegExp(pattern, 'g')) ?? []);
    return new CelEnvironment(environment);
  }

  /** Throws StoreError INVALID where it is none. */
  compile(expression: string): Expression {
    if (expression.length > expressionCharsMax) {
      throw new StoreError('INVALID', `an expression of ${expression.length} characters is longer than ${expressionCharsMax}`);
    }
    try {
      return this.environment.parse(expression) as Expression;
    } catch (cause) {
      throw new StoreError('INVALID', `compilation failed: ${firstLine(cause)}`, { cause });
    }
  }
}

/** Of what an expression has thrown: what follows shows the place in it. */
export const firstLine = (thrown: unknown): string => String(thrown instanceof Error ? thrown.message : thrown).split('\n', 1)[0]!;
