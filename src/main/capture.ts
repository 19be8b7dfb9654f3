// Which capture mode `lateen up` takes: the best one that works when it is tried, and why not a better one. Mode `user` runs the whole
// command once more, inside of a user namespace.
import { rmSync } from 'node:fs';
import type { Forwarder } from '#dns/forwarder';
import { systemForwarder } from '#dns/system-forwarder';
import { systemClock } from '#foundation/clock';
import { MeshError } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import type { CaptureWish, RefusedMode } from '#host/capture/capture-mode';
import { ConnectionRelay, type WayOut } from '#host/capture/connection-relay';
import { LoopbackNetworks } from '#host/capture/loopback-networks';
import { NamespaceNetworks } from '#host/capture/namespace-networks';
import type { PodNetworks } from '#host/capture/pod-network';
import { SystemTools } from '#host/capture/system-tools';
import { Outside } from './outside.ts';
import { insideVariable, runInUserNamespace } from './user-namespace.ts';

/** `ended`: the mesh was in a user namespace, and is no more. */
export type SettledCapture =
  | {
      kind: 'here';
      networks: PodNetworks;
      refused: readonly RefusedMode[];
      /** By which names that are not of the mesh are asked for. */
      forwarder: Pick<Forwarder, 'ask'>;
    }
  | { kind: 'ended'; code: number };

export interface CaptureOptions {
  wish: CaptureWish;
  env: NodeJS.ProcessEnv;
  /** By the option that says it. */
  ports: Readonly<Record<string, number>>;
  /** What is kept on disk is found again by the port: nothing is, where any port will do. */
  keeps: boolean;
  /** Of files that only this mesh uses. */
  directory: string;
}

const own = { clock: systemClock, random: systemRandom };

/** Throws MeshError where the mode that is asked for does not work; `auto` always finds one. */
export async function settleCapture(options: CaptureOptions): Promise<SettledCapture> {
  if (options.env[insideVariable] === '1') return inside(options);
  const { wish } = options;
  const refused: RefusedMode[] = [];
  if (wish === 'auto' || wish === 'netns') {
    const tried = await tryNamespaces('netns', options, new ConnectionRelay());
    if ('networks' in tried) return { kind: 'here', networks: tried.networks, refused, forwarder: systemForwarder(own) };
    refused.push(tried);
  }
  if (wish === 'auto' || wish === 'user') {
    const outcome = await tryUserNamespace(options);
    if (outcome.kind === 'ended') return outcome;
    refused.push(outcome.refused);
  }
  const [first] = refused;
  if (wish !== 'auto' && first) {
    throw new MeshError('CAPTURE_MODE', `capture mode ${first.mode}: ${first.why}`, first.hint === undefined ? {} : { hint: first.hint });
  }
  return { kind: 'here', networks: await LoopbackNetworks.claim(), refused, forwarder: systemForwarder(own) };
}

async function tryNamespaces(
  mode: 'netns' | 'user',
  { env, directory }: CaptureOptions,
  way: WayOut,
): Promise<{ networks: PodNetworks } | RefusedMode> {
  if (process.getuid?.() !== 0) return { mode, why: 'only root may make network namespaces', hint: 'sudo lateen up' };
  try {
    return { networks: await NamespaceNetworks.claim({ mode, tools: SystemTools.find(env['PATH'] ?? ''), directory, way }) };
  } catch (thrown) {
    return refusal(mode, thrown);
  }
}

async function tryUserNamespace({ env, ports, keeps, directory }: CaptureOptions) {
  try {
    const tools = SystemTools.find(env['PATH'] ?? '');
    const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const further = keeps ? [] : ['--ephemeral'];
    return await runInUserNamespace({ tools, command, env, ports, further, forwarder: systemForwarder(own) });
  } catch (thrown) {
    return { kind: 'refused' as const, refused: refusal('user', thrown) };
  } finally {
    // What was bound to the files inside is not bound to them here.
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A port that is taken is taken in every mode, and no reason for another one. */
function refusal(mode: 'netns' | 'user', thrown: unknown): RefusedMode {
  if (!(thrown instanceof MeshError) || thrown.code === 'ADDRESS_IN_USE') throw thrown;
  return { mode, why: thrown.message, hint: thrown.hint };
}

/** The one outside waits for a word, and hands in its ports then. When it is gone, so are we: `disconnect`. */
async function inside(options: CaptureOptions): Promise<SettledCapture> {
  const outside = new Outside();
  const tried = await tryNamespaces('user', options, outside);
  if (!('networks' in tried)) {
    outside.report({ type: 'refused', refused: tried });
    return { kind: 'ended', code: 1 };
  }
  outside.report({ type: 'inside' });
  return { kind: 'here', networks: tried.networks, refused: [], forwarder: outside };
}
