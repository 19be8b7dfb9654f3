// Limits of containers, kept by the kernel: a cgroup for each container that has some, below one of this process's own. Version 2 where the
// machine has it alone, else version 1; where neither can be written, it is said why, and limits are not kept.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '#foundation/mesh-error';
import { type ContainerLimits, cpuPeriodMicroseconds } from './limits.ts';

/** Of a container. */
export interface Cgroup {
  /** The command, in it from its first moment on. */
  inside(command: readonly string[]): readonly string[];
  /** How many of its processes the kernel has killed for want of memory. */
  oomKills(): number;
  /** Once all its processes have ended; what is not empty yet goes at the next start. */
  remove(): void;
}

/** Where the kernel shows cgroups, and what is asked of this process. */
export interface CgroupMachine {
  /** `/sys/fs/cgroup` */
  root: string;
  /** `/proc/self/cgroup`, read. */
  own: string;
  pid: number;
  isAlive(pid: number): boolean;
}

interface Controller {
  /** Of this Lateen, below which each container has its own. */
  directory: string;
  files(limits: ContainerLimits): readonly (readonly [file: string, value: string])[];
  /** With a line `oom_kill N`. */
  events?: string;
}

const ownPrefix = 'lateen-';

export class Cgroups {
  private constructor(
    readonly version: 1 | 2,
    private readonly controllers: readonly Controller[],
  ) {}

  /** Or why there can be none. */
  static open(machine: CgroupMachine): Cgroups | { why: string } {
    const version = existsSync(path.join(machine.root, 'cgroup.controllers')) ? 2 : 1;
    try {
      const controllers = version === 2 ? [unified(machine)] : separate(machine);
      for (const { directory } of controllers) {
        sweep(path.dirname(directory), machine);
        mkdirSync(directory, { recursive: true });
      }
      if (version === 2) writeFileSync(path.join(controllers[0]!.directory, 'cgroup.subtree_control'), '+memory +cpu');
      return new Cgroups(version, controllers);
    } catch (thrown) {
      return { why: `no cgroup can be made here (${messageOf(thrown)})` };
    }
  }

  /** `name`: of this container alone. Throws where the kernel refuses a limit. */
  create(name: string, limits: ContainerLimits): Cgroup {
    const made = this.controllers.map((controller) => ({ ...controller, directory: path.join(controller.directory, name) }));
    for (const { directory, files } of made) {
      mkdirSync(directory, { recursive: true });
      for (const [file, value] of files(limits)) write(path.join(directory, file), value);
    }
    const procs = made.map(({ directory }) => path.join(directory, 'cgroup.procs'));
    const events = made.find((controller) => controller.events !== undefined);
    const eventsFile = events && path.join(events.directory, events.events ?? '');
    return {
      inside: (command) => ['/bin/sh', '-c', `${procs.map((file) => `echo 0 > '${file}'`).join(' && ')} && exec "$@"`, 'sh', ...command],
      oomKills: () =>
        eventsFile && existsSync(eventsFile) ? Number(/^oom_kill (\d+)$/m.exec(readFileSync(eventsFile, 'utf8'))?.[1] ?? 0) : 0,
      remove: () => {
        for (const { directory } of made) removeEmpty(directory);
      },
    };
  }

  close(): void {
    for (const { directory } of this.controllers) removeTree(directory);
  }
}

/** Below the root, which alone may have processes beside folders with controllers. */
function unified({ root, pid }: CgroupMachine): Controller {
  writeFileSync(path.join(root, 'cgroup.subtree_control'), '+memory +cpu');
  return {
    directory: path.join(root, `${ownPrefix}${pid}`),
    events: 'memory.events',
    files: ({ memoryBytes, cpuQuotaMicroseconds }) => [
      ...(memoryBytes === undefined
        ? []
        : ([
            ['memory.max', String(memoryBytes)],
            ['memory.swap.max', '0'],
            ['memory.oom.group', '1'],
          ] as const)),
      ...(cpuQuotaMicroseconds === undefined ? [] : ([['cpu.max', `${cpuQuotaMicroseconds} ${cpuPeriodMicroseconds}`]] as const)),
    ],
  };
}

/** Each controller has a tree of its own, in which this process is somewhere. */
function separate({ root, own, pid }: CgroupMachine): Controller[] {
  const below = (controller: string): string => {
    const [, place = '/'] = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, 'm').exec(own) ?? [];
    return path.join(root, controller, place, `${ownPrefix}${pid}`);
  };
  return [
    {
      directory: below('memory'),
      events: 'memory.oom_control',
      files: ({ memoryBytes }) =>
        memoryBytes === undefined
          ? []
          : [
              ['memory.limit_in_bytes', String(memoryBytes)],
              ['memory.memsw.limit_in_bytes', String(memoryBytes)],
            ],
    },
    {
      directory: below('cpu'),
      files: ({ cpuQuotaMicroseconds }) =>
        cpuQuotaMicroseconds === undefined
          ? []
          : [
              ['cpu.cfs_period_us', String(cpuPeriodMicroseconds)],
              ['cpu.cfs_quota_us', String(cpuQuotaMicroseconds)],
            ],
    },
  ];
}

/** What concerns swap is not there on a machine without any. */
function write(file: string, value: string): void {
  if (existsSync(file) || !/swap|memsw|oom/.test(path.basename(file))) writeFileSync(file, value);
}

/** Those of Lateens that were killed. */
function sweep(parent: string, { isAlive, pid }: CgroupMachine): void {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(ownPrefix))) {
    const of = Number(name.slice(ownPrefix.length));
    if (of !== pid && !isAlive(of)) removeTree(path.join(parent, name));
  }
}

function removeTree(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmpty(path.join(directory, entry.name));
  removeEmpty(directory);
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Processes that are ending are in it still.
  }
}
