// One run of `lateen proxy-config`: reads a proxy's configuration, of its admin interface or of a file, and shows a part of it.
import { readFile } from 'node:fs/promises';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { below } from '#net/http-access';
import { type ConfigDump, readConfigDump } from '../config-dump.ts';
import { ask, getJson } from '../http-json.ts';
import { asJson, columns } from '../output.ts';
import { adminOf, podArgument, proxyNameOf } from '../pod-argument.ts';
import type { Session } from '../session.ts';
import { asYaml } from '../yaml-output.ts';
import { bootstrap } from './bootstrap.ts';
import { clusters } from './clusters.ts';
import { endpoints } from './endpoints.ts';
import { listeners } from './listeners.ts';
import { routes } from './routes.ts';
import { secrets } from './secrets.ts';
import type { Filters, Section } from './section.ts';

/** In the order in which `all` shows them. */
const sections = {
  bootstrap,
  cluster: clusters,
  listener: listeners,
  route: routes,
  endpoint: endpoints,
  secret: secrets,
} as const satisfies Record<string, Section>;

export type SectionName = keyof typeof sections;

export interface ProxyConfigOptions extends Filters {
  output: 'short' | 'json' | 'yaml';
  file?: string;
  namespace: string;
  proxyAdminPort: number;
}

export async function showProxyConfig(
  session: Session,
  name: SectionName | 'all',
  pod: string | undefined,
  options: ProxyConfigOptions,
): Promise<void> {
  const { stdout, clock } = session.context;
  const dump = options.file === undefined ? await dumpOfPod(session, pod, options) : await dumpOfFile(session, pod, options.file);
  const write = (value: unknown) => stdout(options.output === 'yaml' ? asYaml(value) : asJson(value));
  const select = (each: SectionName) => sections[each](dump, options, clock.wallMs());
  const table = ({ titles, rows }: ReturnType<Section>) => (rows.length === 0 ? '' : columns(titles, rows));
  if (name === 'all') {
    // A whole dump may hold keys; what each section shows does not.
    const shown = (Object.keys(sections) as SectionName[]).map((each) => ({ each, selection: select(each) }));
    if (options.output === 'short')
      stdout(
        shown
          .map(({ selection }) => table(selection))
          .filter(Boolean)
          .join('\n'),
      );
    else write(Object.fromEntries(shown.map(({ each, selection }) => [each, selection.configs])));
    return;
  }
  const selection = select(name);
  if (options.output !== 'short') return write(name === 'bootstrap' ? selection.configs[0] : selection.configs);
  if (selection.rows.length === 0) session.context.stderr(`There is no such ${name}.\n`);
  else stdout(table(selection));
}

async function dumpOfFile(session: Session, pod: string | undefined, file: string): Promise<ConfigDump> {
  if (pod !== undefined) throw new MeshError('USAGE', 'a pod and a file are given', { hint: 'leave one of them out' });
  return readDumpFile(session, file);
}

/** Throws MeshError UNREADABLE or NOT_A_DUMP. */
export async function readDumpFile(session: Session, file: string): Promise<ConfigDump> {
  let value: unknown;
  try {
    value = JSON.parse(file === '-' ? await session.context.readStdin() : await readFile(file, 'utf8'));
  } catch (error) {
    throw new MeshError('UNREADABLE', `${file} cannot be read: ${messageOf(error)}`, { hint: 'give the JSON of ADMIN/config_dump' });
  }
  return readConfigDump(value, file);
}

async function dumpOfPod(session: Session, word: string | undefined, options: ProxyConfigOptions): Promise<ConfigDump> {
  if (word === undefined) throw new MeshError('USAGE', 'of which proxy?', { hint: 'give POD[.NAMESPACE], or --file with a config dump' });
  const pod = await podArgument(session, word, options.namespace);
  const admin = adminOf(pod, await session.api(), options.proxyAdminPort);
  const what = `the proxy of ${proxyNameOf(pod)}`;
  const [dump, statuses] = await Promise.all([
    getJson(below(admin, '/config_dump?include_eds'), what),
    getJson(below(admin, '/clusters?format=json'), what),
  ]);
  return readConfigDump({ ...(dump as object), ...(statuses as object) }, what);
}

export interface LogOptions {
  level?: string;
  reset?: boolean;
  namespace: string;
  proxyAdminPort: number;
}

const levels = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'];
/** istioctl's, to which --reset goes back. */
const levelDefault = 'warning';

/** Shows a proxy's loggers, after setting their levels where that is asked for: `LEVEL`, or `LOGGER:LEVEL,…`. */
export async function showLogLevels(session: Session, word: string, options: LogOptions): Promise<void> {
  const pod = await podArgument(session, word, options.namespace);
  const what = `the proxy of ${proxyNameOf(pod)}`;
  const logging = below(adminOf(pod, await session.api(), options.proxyAdminPort), '/logging');
  const wanted = options.reset ? [levelDefault] : (options.level?.split(',') ?? []);
  for (const query of wanted.map(levelQuery)) await ask('POST', below(logging, `?${query}`), what);
  session.context.stdout(`${proxyNameOf(pod)}:\n${await ask('POST', logging, what)}`);
}

function levelQuery(word: string): string {
  const [logger, level] = word.includes(':') ? word.split(':', 2) : ['level', word];
  if (!logger || !level || !levels.includes(level)) {
    throw new MeshError('USAGE', `"${word}" is no log level`, { hint: `write LEVEL or LOGGER:LEVEL, with one of ${levels.join(', ')}` });
  }
  // Envoy knows both words; ours knows Envoy's first.
  return `${encodeURIComponent(logger)}=${level === 'warn' ? 'warning' : level}`;
}
