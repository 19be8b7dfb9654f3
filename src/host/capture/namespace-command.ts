// Where a pod's namespace is, and how a command is started in it. Pure: who is outside of the process that made it can say it as well.
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
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

/** `$0` is the file. A machine that has no such file of its own is as well served without. */
const withResolvConf = 'mount --bind "$0" /etc/resolv.conf 2>/dev/null; exec "$@"';

/** On the pod's network, and with its resolv.conf over the machine's. */
export function insideNamespace(
  tools: SystemTools,
  { namespace, resolvConf }: NamespaceFiles,
  command: readonly string[],
): readonly string[] {
  const withNames = [...tools.command('unshare', '--mount'), '/bin/sh', '-c', withResolvConf, resolvConf, ...command];
  return onNetwork(tools, namespace, withNames);
}

/** On the pod's network alone. */
export function onNetwork(tools: SystemTools, namespace: string, command: readonly string[]): readonly string[] {
  return [...tools.command('nsenter', `--net=${namespace}`, '--'), ...command];
}
