// How problems and failures are written for people: place, object, field, what is wrong, how to mend it.
import picocolors from 'picocolors';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { formatProblem, type Problem } from '#foundation/problem';
import type { CliContext } from './context.ts';

/** To standard error, each on lines of its own. */
export function writeProblems(context: CliContext, problems: readonly Problem[]): void {
  for (const problem of problems) writeMessage(context, problem.level, formatProblem(problem));
}

export function writeWarning(context: CliContext, message: string): void {
  writeMessage(context, 'warning', message);
}

/** Of whatever was thrown; never a stack trace. */
export function writeFailure(context: CliContext, thrown: unknown): void {
  const hint = thrown instanceof MeshError ? thrown.hint : undefined;
  writeMessage(context, 'error', `${messageOf(thrown)}${hint ? `\n  hint: ${hint}` : ''}`);
}

function writeMessage({ stderr, color }: CliContext, level: Problem['level'], text: string): void {
  const colors = picocolors.createColors(color);
  const mark = level === 'error' ? colors.red('error') : colors.yellow('warning');
  stderr(`${mark}: ${text}\n`);
}
