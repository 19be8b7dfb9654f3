// What strings of a schema's `format` look like.
import { durationMs } from '#foundation/duration';
import { re2Problem } from '../re2.ts';

export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  duration: (text) => (durationMs(text) ?? 0) >= 1,
  'duration-or-zero': (text) => durationMs(text) !== undefined,
  int32: () => true,
  re2: (text) => re2Problem(text) === undefined,
};
