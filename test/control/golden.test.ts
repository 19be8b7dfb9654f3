// Golden pairs: `X.in.yaml` is a list of proxies and a mesh, `X.out.yaml` what each proxy gets, in few words.
// UPDATE_GOLDEN=1 writes the outputs anew; read the difference before you commit it.
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { setsOf, testProxy } from './fixture.ts';
import { summarize } from './summary.ts';

const folder = path.join(import.meta.dirname, '..', 'golden');
const names = fs
  .readdirSync(folder)
  .filter((file) => file.endsWith('.in.yaml'))
  .map((file) => file.slice(0, -'.in.yaml'.length));

interface Head {
  proxies: { id: string; metadata?: Record<string, unknown>; listeners?: string[] }[];
}

describe('golden', () => {
  test.each(names)('%s', (name) => {
    const text = fs.readFileSync(path.join(folder, `${name}.in.yaml`), 'utf8');
    const head = parseAllDocuments(text)[0]?.toJS() as Head;
    const { snapshot } = fold(emptySnapshot(), setsOf(text.slice(text.indexOf('\n---\n') + 5)));
    const views = new ViewFactory(snapshot);
    const translator = new Translator(new ResourceCache());
    const proxies = head.proxies.map(({ id, metadata, listeners }) => [
      id,
      summarize(translator, views.view(testProxy(id, metadata)), listeners),
    ]);
    const problems = [...snapshot.problems.values()]
      .flat()
      .map(({ code, object, field, message }) => `${code} ${object} ${field}: ${message}`);
    const out = stringify({ ...Object.fromEntries(proxies), ...(problems.length > 0 && { problems }) }, { lineWidth: 0 });
    const file = path.join(folder, `${name}.out.yaml`);
    if (process.env['UPDATE_GOLDEN'] === '1') fs.writeFileSync(file, out);
    expect(out).toBe(fs.readFileSync(file, 'utf8'));
  });
});
