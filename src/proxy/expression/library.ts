// CEL in the proxy: loaded when a configuration first has an expression, then shared by all of the process.
import { Cel, type Expression } from '#codec/cel';
import { MeshError, messageOf } from '#foundation/mesh-error';

const shownCharsMax = 200;

/** What was loaded once is the same for everybody. */
let cel: Cel | undefined;
let loading: Promise<void> | undefined;

/** Before configuration with expressions is decoded. */
export function loadCel(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  cel = await Cel.load();
}

/** Throws MeshError EXPRESSION with what is wrong with it. */
export function compileExpression(text: string): Expression {
  if (cel === undefined) throw new Error('bug: CEL is not loaded');
  try {
    return cel.compile(text);
  } catch (cause) {
    throw new MeshError('EXPRESSION', `no expression in CEL: "${text.slice(0, shownCharsMax)}": ${messageOf(cause)}`, { cause });
  }
}
