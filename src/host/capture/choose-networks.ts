// Which capture mode this machine offers: the best one that works when it is tried, and why not a better one.
import { MeshError } from '#foundation/mesh-error';
import type { CaptureMode, CaptureWish } from './capture-mode.ts';
import { LoopbackNetworks } from './loopback-networks.ts';
import { NamespaceNetworks } from './namespace-networks.ts';
import type { PodNetworks } from './pod-network.ts';
import { SystemTools } from './system-tools.ts';

/** What a user is told of a mode that is not in force. */
export interface RefusedMode {
  mode: CaptureMode;
  why: string;
  /** How to get it. */
  hint: string | undefined;
}

export interface ChosenNetworks {
  networks: PodNetworks;
  refused: readonly RefusedMode[];
}

export interface CaptureSurroundings {
  /** Whether this process is root of its user namespace; of the machine's, or of one that Lateen made for it. */
  user: 'root' | 'root-of-namespace' | 'other';
  /** As PATH has it. */
  searchPath: string;
  /** Of files that only this Lateen uses. */
  directory: string;
}

/** Throws MeshError where the mode that is asked for does not work; `auto` always finds one. */
export async function chooseNetworks(wish: CaptureWish, surroundings: CaptureSurroundings): Promise<ChosenNetworks> {
  const refused: RefusedMode[] = [];
  for (const mode of ['netns', 'user'] as const) {
    if (wish !== 'auto' && wish !== mode) continue;
    try {
      return { networks: await namespaces(mode, surroundings), refused };
    } catch (thrown) {
      if (wish === mode || !(thrown instanceof MeshError)) throw thrown;
      refused.push({ mode, why: thrown.message, hint: thrown.hint });
    }
  }
  return { networks: await LoopbackNetworks.claim(), refused };
}

async function namespaces(mode: 'netns' | 'user', { user, searchPath, directory }: CaptureSurroundings): Promise<PodNetworks> {
  if (mode === 'netns' && user !== 'root') {
    throw new MeshError('CAPTURE_MODE', 'only root may make network namespaces', { hint: 'start lateen as root: sudo lateen up' });
  }
  if (mode === 'user' && user !== 'root-of-namespace') {
    throw new MeshError('CAPTURE_MODE', 'it is for users who are not root', { hint: 'leave --capture out, or say --capture netns' });
  }
  return NamespaceNetworks.claim({ mode, tools: SystemTools.find(searchPath), directory });
}
