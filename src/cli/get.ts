// Shows resources as kubectl does: a table with the kind's columns, names, JSON or YAML.

import type { ApiObject, Column, Kind } from '#api/kind';
import { columnsOf } from '#api/printer-columns';
import { humanDuration } from '#foundation/human-duration';
import { MeshError } from '#foundation/mesh-error';
import type { RemoteStore } from '#store/remote-store';
import { kindArgument } from './kind-argument.ts';
import { asJson, columns, presentable, resourceName } from './output.ts';
import type { Session } from './session.ts';
import { asYaml } from './yaml-output.ts';

export interface GetOptions {
  namespace: string;
  allNamespaces?: boolean;
  output?: 'yaml' | 'json' | 'wide' | 'name';
  selector?: string;
}

/** `word`: one kind, or several with commas between them. `names`: all when empty. */
export async function runGet(session: Session, word: string, names: readonly string[], options: GetOptions): Promise<void> {
  const wanted = word.split(',').map(kindArgument);
  const found = await session.withStore(async (store) => {
    const lists: { kind: Kind; objects: ApiObject[] }[] = [];
    for (const kind of wanted) lists.push({ kind, objects: await read(store, kind, names, options) });
    return lists;
  });
  const objects = found.flatMap((each) => each.objects);
  if (options.output === 'json' || options.output === 'yaml') {
    const shown = objects.map(presentable);
    const value = names.length === 1 && shown.length === 1 ? shown[0] : { apiVersion: 'v1', kind: 'List', items: shown };
    session.context.stdout(options.output === 'json' ? asJson(value) : asYaml(value));
    return;
  }
  if (objects.length === 0)
    session.context.stderr(`No resources found${options.allNamespaces ? '' : ` in ${options.namespace} namespace`}.\n`);
  const shown = found.filter((each) => each.objects.length > 0);
  const prefixed = shown.length > 1;
  const nowMs = session.context.clock.wallMs();
  session.context.stdout(
    shown.map((each) => table(each.kind, each.objects, { ...options, prefixed, nowMs })).join(options.output === 'name' ? '' : '\n'),
  );
}

async function read(store: RemoteStore, kind: Kind, names: readonly string[], options: GetOptions): Promise<ApiObject[]> {
  const everywhere = options.allNamespaces || !kind.namespaced;
  if (names.length === 0) {
    const labels = labelsOf(options.selector);
    const list = await store.list(kind, { ...(!everywhere && { namespace: options.namespace }), ...(labels && { labels }) });
    return list.items;
  }
  const objects: ApiObject[] = [];
  for (const name of names) {
    const object = await store.get(kind, kind.namespaced ? options.namespace : '', name);
    if (!object) {
      const hint = kind.namespaced ? `look in all namespaces: lateen get ${kind.plural} -A` : `list them: lateen get ${kind.plural}`;
      throw new MeshError('NOT_FOUND', `${resourceName(kind, `"${name}"`, ' ')} not found`, { hint });
    }
    objects.push(object);
  }
  return objects;
}

function labelsOf(selector: string | undefined): Record<string, string> | undefined {
  if (selector === undefined) return undefined;
  return Object.fromEntries(
    selector.split(',').map((term) => {
      const [key, value, ...more] = term.split(/==?/);
      if (!key || value === undefined || more.length > 0)
        throw new MeshError('USAGE', `"${term}" is no label`, { hint: 'write key=value,key=value' });
      return [key.trim(), value.trim()];
    }),
  );
}

interface TableOptions extends GetOptions {
  /** Names carry their kind, where several are shown. */
  prefixed: boolean;
  nowMs: number;
}

function table(kind: Kind, objects: readonly ApiObject[], options: TableOptions): string {
  const nameOf = ({ metadata }: ApiObject) =>
    options.prefixed || options.output === 'name' ? resourceName(kind, metadata.name) : metadata.name;
  if (options.output === 'name') return `${objects.map(nameOf).join('\n')}\n`;
  const own = columnsOf(kind.kind, options.output === 'wide');
  const narrow = own.filter(({ wide }) => !wide);
  const wide = own.filter((each) => each.wide);
  const withNamespace = options.allNamespaces && kind.namespaced;
  const ageOf = ({ metadata }: ApiObject) =>
    metadata.creationTimestamp ? humanDuration(options.nowMs - Date.parse(metadata.creationTimestamp)) : '<unknown>';
  return columns(
    [...(withNamespace ? ['NAMESPACE'] : []), 'NAME', ...narrow.map(titleOf), 'AGE', ...wide.map(titleOf)],
    objects.map((object) => [
      ...(withNamespace ? [object.metadata.namespace ?? ''] : []),
      nameOf(object),
      ...narrow.map(({ cell }) => cell(object, options.nowMs)),
      ageOf(object),
      ...wide.map(({ cell }) => cell(object, options.nowMs)),
    ]),
  );
}

const titleOf = ({ title }: Column) => title;
