// Waits for the proxies: asks the control plane again and again how far a resource has come.

import type { Kind } from '#api/kind';
import { durationMs } from '#foundation/duration';
import { MeshError } from '#foundation/mesh-error';
import { getJson } from './http-json.ts';
import { kindArgument } from './kind-argument.ts';
import type { Session } from './session.ts';

export interface WaitOptions {
  for: 'distribution' | 'delete';
  namespace: string;
  generation?: number;
  threshold: number;
  timeout: string;
}

/** The answer of `/debug/config_distribution`. */
interface Distribution {
  resourceVersion?: string;
  generation?: number;
  proxies: number;
  behind: { proxy: string; states: string[]; errors: string[] }[];
}

const pollMs = 100;

export async function runWait(session: Session, word: string, name: string, options: WaitOptions): Promise<void> {
  const { context } = session;
  const timeoutMs = durationMs(options.timeout);
  if (timeoutMs === undefined) throw new MeshError('USAGE', `"${options.timeout}" is no duration`, { hint: 'such as 30s' });
  const kind = kindArgument(word);
  const [own = '', namespace = options.namespace] = kind.namespaced ? split(name) : [name, ''];
  const label = `${kind.kind} ${namespace ? `${namespace}/` : ''}${own}`;
  const arrived = options.for === 'delete' ? isGone : await wantedVersion(session, kind, namespace, own, options);
  const query = new URLSearchParams({ kind: kind.kind, namespace, name: own });
  const url = `${session.options().debugUrl}/debug/config_distribution?${query}`;
  const end = context.clock.now() + timeoutMs;
  for (;;) {
    const found = (await getJson(url, 'the control plane')) as Distribution;
    const having = arrived(found) ? found.proxies - found.behind.length : 0;
    const enough = arrived(found) && having >= Math.ceil(found.proxies * options.threshold);
    const verb = options.for === 'delete' ? 'gone from' : 'on';
    if (enough) return context.stdout(`${label} is ${verb} ${having} of ${found.proxies} proxies\n`);
    if (context.clock.now() >= end) {
      session.fail();
      return context.stderr(
        `timed out after ${options.timeout}: ${label} is ${verb} ${having} of ${found.proxies} proxies\n${reasons(found, arrived(found))}`,
      );
    }
    await new Promise<void>((resolve) => context.clock.after(pollMs, resolve));
  }
}

type Arrived = (found: Distribution) => boolean;

const isGone: Arrived = ({ resourceVersion, generation }) => resourceVersion === undefined && generation === undefined;

/** Throws MeshError NOT_FOUND where the API server has no such object. */
async function wantedVersion(session: Session, kind: Kind, namespace: string, name: string, options: WaitOptions): Promise<Arrived> {
  if (options.generation !== undefined) return ({ generation }) => generation !== undefined && generation >= options.generation!;
  const object = await session.withStore((store) => store.get(kind, namespace, name));
  if (!object) {
    const hint = `list them: lateen get ${kind.plural}${kind.namespaced ? ' -A' : ''}`;
    throw new MeshError('NOT_FOUND', `there is no ${kind.singular} "${name}"${namespace && ` in namespace ${namespace}`}`, { hint });
  }
  const wanted = Number(object.metadata.resourceVersion);
  return ({ resourceVersion }) => resourceVersion !== undefined && Number(resourceVersion) >= wanted;
}

/** `name.namespace` */
function split(name: string): [string, string?] {
  const at = name.indexOf('.');
  return at < 0 ? [name] : [name.slice(0, at), name.slice(at + 1)];
}

function reasons({ behind }: Distribution, arrived: boolean): string {
  if (!arrived) return '  the control plane has not sent it: see "lateen analyze -k", and whether it is of a kind that proxies are sent\n';
  return behind.map(({ proxy, states, errors }) => `  ${[proxy, ...states, ...errors].join('  ')}\n`).join('');
}
