// Regular expressions as Istio, Envoy and Kubernetes mean them: RE2's, whose time grows with the text alone, whatever was written in the
// expression and sent in the text. The library for them is loaded when somebody has one. https://github.com/google/re2/wiki/Syntax
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';
import { MeshError, messageOf } from '#foundation/mesh-error';

let library: typeof import('re2js') | undefined;

export class Regex {
  private readonly compiled: RE2JS;

  /** Throws MeshError REGEX, in RE2's words without their beginning: "missing closing ): `(`". */
  constructor(readonly source: string) {
    library ??= createRequire(import.meta.url)('re2js') as typeof import('re2js');
    try {
      this.compiled = library.RE2JS.compile(source);
    } catch (cause) {
      throw new MeshError('REGEX', messageOf(cause).replace(/^error parsing regexp: /, ''), { cause });
    }
  }

  /** As a whole. */
  matches(text: string): boolean {
    return this.compiled.testExact(text);
  }

  /** Anywhere in it. */
  isIn(text: string): boolean {
    return this.compiled.test(text);
  }

  /** The first match; undefined where there is none. */
  find(text: string): string | undefined {
    const matcher = this.compiled.matcher(text);
    return matcher.find() ? (matcher.group() ?? undefined) : undefined;
  }

  findAll(text: string): string[] {
    const found: string[] = [];
    const matcher = this.compiled.matcher(text);
    while (matcher.find()) found.push(matcher.group() ?? '');
    return found;
  }

  /**
   * Puts a text in the place of every match: `\0` stands for the match, `\1` to `\9` for what its groups have captured, `\\` for a backslash,
   * as in RE2's rewrites. Throws MeshError REGEX where it is none, or names a group that is not there.
   */
  rewriter(substitution: string): (text: string) => string {
    const groups = this.compiled.groupCount();
    const parts = substitution
      .split(/(\\[\s\S]?)/)
      .filter((part) => part !== '')
      .map((part) => rewritePart(part, groups));
    return (text) =>
      this.compiled
        .matcher(text)
        .replaceAll((...captured: (string | undefined)[]) =>
          parts.map((part) => (typeof part === 'number' ? (captured[part] ?? '') : part)).join(''),
        );
  }
}

/** A text, or the number of a group. */
function rewritePart(part: string, groups: number): string | number {
  if (!part.startsWith('\\')) return part;
  const escaped = part.slice(1);
  if (escaped === '\\') return escaped;
  if (!/^\d$/.test(escaped)) throw new MeshError('REGEX', `"${part}" in a substitution: a backslash goes before a digit or a backslash`);
  if (Number(escaped) > groups) throw new MeshError('REGEX', `"${part}" in a substitution: the expression has ${groups} groups`);
  return Number(escaped);
}
