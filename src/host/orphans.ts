// What programs of a killed Lateen have started and left behind: the kernel ends the programs themselves (process.ts), not their children.
// They are known by a variable that all of them inherit, and are ended at the next start.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** In the environment of every program of a pod: the process that started it. */
export const supervisorVariable = 'LATEEN_SUPERVISOR';
const pattern = new RegExp(`(?:^|\\0)${supervisorVariable}=(\\d+)(?:\\0|$)`);

/** Ends those whose supervisor is gone. Processes of other users are not ours to see; in other PID namespaces the number means another. */
export function endOrphans(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const supervisor = supervisorOf(pid);
    if (supervisor !== undefined && !existsSync(`/proc/${supervisor}`)) end(Number(pid));
  }
}

function supervisorOf(pid: string): string | undefined {
  try {
    const supervisor = pattern.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
    return supervisor !== undefined && readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid') ? supervisor : undefined;
  } catch {
    return undefined;
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
