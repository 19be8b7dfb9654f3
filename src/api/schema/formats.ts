// What strings of a schema's `format` look like.
import { durationMs } from '#foundation/duration';
import { matcherRegexProblem } from '../regex-problem.ts';

export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  duration: (text) => (durationMs(text) ?? 0) >= 1,
  'duration-or-zero': (text) => durationMs(text) !== undefined,
  int32: () => true,
  re2: (text) => matcherRegexProblem(text) === undefined,
};
