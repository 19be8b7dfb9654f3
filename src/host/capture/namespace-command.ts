// Where a pod's namespace is, and how a command is started in it. Pure: who is outside of the process that made it can say it as well.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import { type MountPlan, mountScript } from '../volumes/mount.ts';
import type { SystemTools } from './system-tools.ts';

/** Of the namespaces' names, by `ip netns`. */
export const namespaceFolder = '/run/netns';
/** Of a file's name, less than the kernel's 255. */
const nameBytesMax = 200;
/** Pods of block n are 10.(244 + n).0.0/16: Kubernetes' usual range and those behind it. */
export const firstOctet = 244;

/** What is kept on disk of a pod's network. */
export interface NamespaceFiles {
  /** As `ip netns` shows it. */
  name: string;
  namespace: string;
  resolvConf: string;
}

/** Of the names of everything that belongs to a block. */
export const blockPrefix = (block: number): string => `lateen${block}`;

/** `address`: the pod's. `directory`: of files that only this Lateen uses. */
export function namespaceFiles(
  pod: Pod,
  address: string,
  { mode, directory }: { mode: 'netns' | 'user'; directory: string },
): NamespaceFiles {
  const [, second = '', ...tail] = address.split('.');
  const name = `${blockPrefix(Number(second) - firstOctet)}-${tail.join('.')}-${pod.metadata.name}`.slice(0, nameBytesMax);
  return {
    name,
    namespace: path.join(mode === 'netns' ? namespaceFolder : directory, name),
    resolvConf: path.join(directory, `${name}.resolv.conf`),
  };
}

/** On the pod's network, and seeing what is mounted for it: its resolv.conf over the machine's, unless told otherwise. */
export function insideNamespace(
  tools: SystemTools,
  { namespace, resolvConf }: NamespaceFiles,
  command: readonly string[],
  plan: MountPlan = { mounts: [], own: '', resolvConf },
): readonly string[] {
  return onNetwork(tools, namespace, [...tools.command('unshare', '--mount'), '/bin/sh', '-c', mountScript(plan), 'sh', ...command]);
}

/** On the pod's network alone. */
export function onNetwork(tools: SystemTools, namespace: string, command: readonly string[]): readonly string[] {
  return [...tools.command('nsenter', `--net=${namespace}`, '--'), ...command];
}
