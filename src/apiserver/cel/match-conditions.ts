// `matchConditions` of a webhook: expressions in CEL on the request, all of which must hold for it to be asked.
import { type Cel, type Expression, firstLine } from '#codec/cel';
import { loadKubernetesCel } from './kubernetes-cel.ts';
import { celValue } from './value.ts';

export interface MatchCondition {
  name: string;
  expression: string;
}

/** Expressions that were compiled, by their text. */
const compiledMax = 1_000;

export class MatchConditions {
  private cel: Promise<Cel> | undefined;
  private readonly compiled = new Map<string, Expression>();

  /** Whether all hold: one that does not decides, whatever the others say. Rejects where one cannot be evaluated, and none decides. */
  async hold(conditions: readonly MatchCondition[], request: Readonly<Record<string, unknown>>): Promise<boolean> {
    if (conditions.length === 0) return true;
    this.cel ??= loadKubernetesCel();
    const cel = await this.cel;
    const { object, oldObject } = request;
    const context = { request: celValue({}, request), object: celValue({}, object), oldObject: celValue({}, oldObject) };
    let failure: Error | undefined;
    for (const { name, expression } of conditions) {
      try {
        if (this.expressionOf(cel, expression)(context) !== true) return false;
      } catch (cause) {
        failure ??= new Error(`its condition "${name}" cannot be evaluated: ${firstLine(cause)}`, { cause });
      }
    }
    if (failure) throw failure;
    return true;
  }

  private expressionOf(cel: Cel, text: string): Expression {
    let expression = this.compiled.get(text);
    if (expression) return expression;
    expression = cel.compile(text);
    if (this.compiled.size >= compiledMax) this.compiled.clear();
    this.compiled.set(text, expression);
    return expression;
  }
}
