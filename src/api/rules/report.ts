// How the rules of a kind say what is wrong.
import type { Problem } from '#foundation/problem';

/** Collects the problems of one object. Rules run on objects whose structure is sound. */
export class Report {
  readonly problems: Problem[] = [];

  error(code: string, field: string, message: string, hint?: string): void {
    this.problems.push({ level: 'error', code, field, message, ...(hint && { hint }) });
  }

  warning(code: string, field: string, message: string, hint?: string): void {
    this.problems.push({ level: 'warning', code, field, message, ...(hint && { hint }) });
  }

  /** Says so of each value that was there before. */
  unique(code: string, values: Iterable<{ value: string; field: string; what: string }>): void {
    const first = new Map<string, string>();
    for (const { value, field, what } of values) {
      const before = first.get(value);
      if (before !== undefined) this.error(code, field, `duplicate ${what}: ${before} has it already`);
      else first.set(value, field);
    }
  }
}
