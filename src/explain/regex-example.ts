// A string that a regular expression matches, for the expressions that people write in routes. Pure. What it cannot write an
// example for (classes of Unicode, assertions of words) it says so of, and what it writes it has tried.
import { Regex } from '#codec/regex';

/** Undefined where none was found. */
export function exampleOf(regex: Regex): string | undefined {
  const example = new Sampler(regex.source).alternatives();
  return example !== undefined && regex.matches(example) ? example : undefined;
}

/** By recursive descent; each method leaves `at` behind what it has read. Undefined: not understood. */
class Sampler {
  private at = 0;

  constructor(private readonly source: string) {}

  /** The first of `a|b|c`; the others are read and dropped. */
  alternatives(): string | undefined {
    const first = this.sequence();
    while (this.source[this.at] === '|') {
      this.at++;
      this.sequence();
    }
    return first;
  }

  private sequence(): string | undefined {
    let text: string | undefined = '';
    while (this.at < this.source.length && !'|)'.includes(this.source[this.at]!)) {
      const atom = this.atom();
      const least = this.repetitions();
      text = atom === undefined || text === undefined ? undefined : text + atom.repeat(least);
    }
    return text;
  }

  private atom(): string | undefined {
    const c = this.source[this.at++]!;
    if (c === '^' || c === '$') return '';
    if (c === '.') return 'x';
    if (c === '[') return this.characterClass();
    if (c === '\\') return escaped(this.source[this.at++] ?? '');
    return c === '(' ? this.group() : c;
  }

  private group(): string | undefined {
    // A name, flags for what is inside, or flags for what follows.
    this.at += /^\?(?:P?<\w+>|[imsU-]*:?)/.exec(this.source.slice(this.at))?.[0].length ?? 0;
    const inside = this.alternatives();
    this.at++;
    return inside;
  }

  /** The first character that it names; of a negated one, the first of some that it does not. */
  private characterClass(): string | undefined {
    const end = this.classEnd();
    const text = this.source.slice(this.at - 1, end + 1);
    this.at = end + 1;
    const regex = new Regex(text);
    return [...'a0AzZ9_-./ x1b~@:%'].find((c) => regex.matches(c)) ?? [...text.slice(1, -1)].find((c) => regex.matches(c));
  }

  private classEnd(): number {
    const inside = /^\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*/s.exec(this.source.slice(this.at))?.[0] ?? '';
    return this.at + inside.length;
  }

  /** How often at least; once for `*` and `?`, which makes examples that look like what is meant. */
  private repetitions(): number {
    const quantifier = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(this.source.slice(this.at));
    this.at += quantifier?.[0].length ?? 0;
    return quantifier?.[1] === undefined ? 1 : Number(quantifier[1]);
  }
}

function escaped(c: string): string | undefined {
  const classes: Readonly<Record<string, string>> = { d: '0', w: 'x', s: ' ', D: 'x', W: '-', S: 'x', A: '', z: '', b: '', t: '\t' };
  if (/[\dpPQxB]/.test(c)) return undefined;
  return classes[c] ?? c;
}
