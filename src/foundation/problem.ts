// What is wrong with an input: stable code, place, and how to mend it. Collected, not thrown.

/** Where an object was read from. Lines and columns count from 1. */
export interface Origin {
  file: string;
  line: number;
  column?: number;
}

export interface Problem {
  level: 'error' | 'warning';
  /** Stable, for programs: `UNKNOWN_FIELD`. */
  code: string;
  /** One sentence: what is wrong. */
  message: string;
  /** Path of the field inside the object: `spec.http[0].route[1].weight`. */
  field?: string;
  /** How to mend it. */
  hint?: string;
  origin?: Origin;
  /** `VirtualService default/reviews`. */
  object?: string;
}

export type Result<T> = { ok: true; value: T; warnings?: Problem[] } | { ok: false; problems: Problem[] };

/** `file:line:column: Kind ns/name: field: message (hint)`, as much of it as is known. */
export function formatProblem(problem: Problem): string {
  const { origin, object, field, message, hint } = problem;
  const place = origin ? `${origin.file}:${origin.line}${origin.column ? `:${origin.column}` : ''}: ` : '';
  const subject = [object, field].filter(Boolean).join(' ');
  return `${place}${subject ? `${subject}: ` : ''}${message}${hint ? `\n  hint: ${hint}` : ''}`;
}
