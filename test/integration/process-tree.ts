// Which processes a process has started, by /proc; for tests that kill some, and that see to it that none is left.
import { readdirSync, readFileSync } from 'node:fs';
import { until } from './until.ts';

interface ProcessLine {
  pid: number;
  parent: number;
  /** Clock ticks since boot: tells a process from a later one with its number. */
  startedAt: string;
}

/** A process and, with `startedAt`, its very incarnation. */
export interface Incarnation {
  pid: number;
  startedAt: string;
  command: string;
}

/** Children, their children and so on, without `root` itself. */
export function descendantsOf(root: number): Incarnation[] {
  const lines = readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? (readProcess(Number(entry)) ?? []) : []));
  const found: ProcessLine[] = [];
  const search = (parent: number): void => {
    for (const line of lines) {
      if (line.parent !== parent) continue;
      found.push(line);
      search(line.pid);
    }
  };
  search(root);
  return found.map(({ pid, startedAt }) => ({ pid, startedAt, command: commandOf(pid) }));
}

export function isRunning({ pid, startedAt }: Incarnation): boolean {
  return readProcess(pid)?.startedAt === startedAt;
}

/** Resolves when all of them are gone; rejects after `msMax` naming those that are not. */
export async function untilGone(processes: readonly Incarnation[], msMax = 10_000): Promise<void> {
  const left = () => processes.filter(isRunning).map(({ pid, command }) => `${pid} ${command}`);
  await until('every process is gone', () => left().length === 0 || left().join('\n'), msMax);
}

/** Undefined for one that is not there, and for one that has ended and waits for its parent to notice. */
function readProcess(pid: number): ProcessLine | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name stands in parentheses and may hold anything; state, parent and, as the 22nd field, the start come after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, parent: Number(fields[1]), startedAt: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}
