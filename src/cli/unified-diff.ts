// Two texts beside each other, as `diff -u` shows them. Pure. Myers' greedy algorithm ("An O(ND) Difference Algorithm and Its
// Variations", 1986), with a bound: texts that differ in more places are shown as replaced.

const contextLines = 3;
const editsMax = 2_000;

type Edit = { sign: ' ' | '-' | '+'; line: string };

/** Empty where the texts are the same. */
export function unifiedDiff(before: { name: string; text: string }, after: { name: string; text: string }): string {
  if (before.text === after.text) return '';
  const edits = editScript(before.text.split('\n'), after.text.split('\n'));
  return [`--- ${before.name}`, `+++ ${after.name}`, ...hunks(edits)].map((line) => `${line}\n`).join('');
}

function editScript(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (line: string): Edit => ({ sign: ' ', line });
  const middle = differences(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

function differences(a: readonly string[], b: readonly string[]): Edit[] {
  const trace = shortestPath(a, b);
  if (!trace) return [...a.map((line): Edit => ({ sign: '-', line })), ...b.map((line): Edit => ({ sign: '+', line }))];
  const edits: Edit[] = [];
  let x = a.length;
  let y = b.length;
  for (let d = trace.length - 1; d >= 0; d--) {
    const furthest = trace[d]!;
    const k = x - y;
    const down = goesDown(furthest, k, d);
    const fromX = d === 0 ? 0 : (furthest.get(down ? k + 1 : k - 1) ?? 0);
    const fromY = d === 0 ? 0 : fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY) {
      edits.push({ sign: ' ', line: a[--x] ?? '' });
      y--;
    }
    if (d === 0) break;
    edits.push(down ? { sign: '+', line: b[--y] ?? '' } : { sign: '-', line: a[--x] ?? '' });
  }
  return edits.reverse();
}

/** For each number of edits, how far each diagonal came before it; undefined beyond the bound. */
function shortestPath(a: readonly string[], b: readonly string[]): ReadonlyMap<number, number>[] | undefined {
  const trace: ReadonlyMap<number, number>[] = [];
  let furthest = new Map<number, number>([[1, 0]]);
  for (let d = 0; d <= Math.min(a.length + b.length, editsMax); d++) {
    trace.push(furthest);
    const next = new Map<number, number>();
    for (let k = -d; k <= d; k += 2) {
      let x = goesDown(furthest, k, d) ? (furthest.get(k + 1) ?? 0) : (furthest.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < a.length && y < b.length && a[x] === b[y]) {
        x++;
        y++;
      }
      next.set(k, x);
      if (x >= a.length && y >= b.length) return trace;
    }
    furthest = next;
  }
  return undefined;
}

function goesDown(furthest: ReadonlyMap<number, number>, k: number, d: number): boolean {
  return k === -d || (k !== d && (furthest.get(k - 1) ?? -1) < (furthest.get(k + 1) ?? -1));
}

function hunks(edits: readonly Edit[]): string[] {
  const lines: string[] = [];
  const changed = edits.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  let at = 0;
  while (at < changed.length) {
    let last = at;
    while (last + 1 < changed.length && changed[last + 1]! - changed[last]! <= 2 * contextLines) last++;
    const from = Math.max(0, changed[at]! - contextLines);
    const to = Math.min(edits.length, changed[last]! + contextLines + 1);
    lines.push(hunkHeader(edits, from, to), ...edits.slice(from, to).map(({ sign, line }) => sign + line));
    at = last + 1;
  }
  return lines;
}

function hunkHeader(edits: readonly Edit[], from: number, to: number): string {
  const count = (sign: '-' | '+', part: readonly Edit[]) => part.filter((edit) => edit.sign === ' ' || edit.sign === sign).length;
  const range = (sign: '-' | '+') => {
    const lines = count(sign, edits.slice(from, to));
    return `${count(sign, edits.slice(0, from)) + (lines === 0 ? 0 : 1)},${lines}`;
  };
  return `@@ -${range('-')} +${range('+')} @@`;
}
