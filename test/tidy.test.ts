// The shape of the code, checked: who imports whom, cycles, sizes, calls that do not belong where they are. The rules
// are those of ARCHITECTURE.md and STYLE.md. An exception has a reason, and fails when it is no longer needed.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = path.join(root, 'src');

interface Import {
  /** Path below src/, without extension; or the package's name. */
  to: string;
  internal: boolean;
  typeOnly: boolean;
}

interface SourceFile {
  /** Below src/, without extension. */
  name: string;
  text: string;
  tree: ts.SourceFile;
  imports: Import[];
}

const files: SourceFile[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.includes('generated'))
  .map((file) => {
    const name = file.replaceAll(path.sep, '/').replace(/\.ts$/, '');
    const text = readFileSync(path.join(src, file), 'utf8');
    const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
    return { name, text, tree, imports: importsOf(name, tree) };
  });

function importsOf(name: string, tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    if (specifier.startsWith('#')) found.push({ to: specifier.slice(1), internal: true, typeOnly });
    else if (specifier.startsWith('.')) {
      found.push({ to: path.posix.join(path.posix.dirname(name), specifier).replace(/\.ts$/, ''), internal: true, typeOnly });
    } else found.push({ to: specifier, internal: false, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const clause = ts.isImportDeclaration(node) ? node.importClause : undefined;
      const named = clause?.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : undefined;
      const allTypes = !clause?.name && named !== undefined && named.length > 0 && named.every(({ isTypeOnly }) => isTypeOnly);
      add((node.moduleSpecifier as ts.StringLiteral).text, Boolean(clause?.isTypeOnly) || allTypes);
    } else if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      node.arguments[0] &&
      ts.isStringLiteral(node.arguments[0])
    ) {
      add(node.arguments[0].text, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** The folder that the rules speak of: `control/mesh`, `proxy/route`, else the first one. */
function layerOf(name: string): string {
  const [first = '', second = ''] = name.split('/');
  return (first === 'control' || first === 'proxy') && name.split('/').length > 2 ? `${first}/${second}` : first;
}

/** Whom a layer may import, beside itself. `control` and `proxy` are their composing files at the top. */
const base = ['foundation', 'codec'];
const controlStream = ['control/sources', 'control/mesh', 'control/view', 'control/translate', 'control/push', 'control/discovery'];
const controlMay = [...base, 'api', 'xds', 'store', 'net', 'telemetry', 'identity'];
const proxyMay = [...base, 'net', 'xds', 'telemetry', 'identity', 'proxy'];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  codec: ['foundation'],
  net: base,
  dns: [...base, 'net'],
  api: base,
  xds: base,
  telemetry: base,
  store: [...base, 'api', 'net'],
  identity: [...base, 'api', 'store'],
  apiserver: [...base, 'api', 'net', 'store', 'identity'],
  analysis: [...base, 'api'],
  diagnosis: [...base, 'api', 'store', 'analysis'],
  control: [...controlMay, ...controlStream],
  ...Object.fromEntries(controlStream.map((layer, i) => [layer, [...controlMay, ...controlStream.slice(0, i)]])),
  proxy: [...proxyMay, 'proxy/*'],
  'proxy/*': [...proxyMay, 'proxy/*'],
  'proxy/route': [...base],
  host: [...base, 'api', 'net', 'dns', 'store', 'xds', 'identity', 'proxy', 'proxy/config'],
  cli: [...base, 'api', 'net', 'store', 'xds', 'telemetry', 'analysis'],
  // Runs the proxy's code on the control plane's output: the one place that knows both.
  explain: ['*'],
  main: ['*'],
};

/** Reasoned exceptions to the layers: `from -> to`. */
const layerExceptions: Readonly<Record<string, string>> = {};

test('imports keep to the layers', () => {
  const used = new Set<string>();
  const violations = files.flatMap(({ name, imports }) => {
    const from = layerOf(name);
    const allowed = mayImport[from] ?? (from.startsWith('proxy/') ? mayImport['proxy/*'] : undefined);
    if (allowed === undefined) return [`${name}: there is no rule for layer ${from}`];
    return imports.flatMap(({ to, internal }) => {
      if (!internal) return [];
      const layer = layerOf(to);
      const fits =
        layer === from || allowed.includes('*') || allowed.includes(layer) || (layer.startsWith('proxy/') && allowed.includes('proxy/*'));
      const pair = `${name} -> ${to}`;
      if (fits) return [];
      if (layerExceptions[pair] !== undefined) used.add(pair);
      return layerExceptions[pair] === undefined ? [pair] : [];
    });
  });
  expect(violations).toEqual([]);
  expect(Object.keys(layerExceptions).filter((pair) => !used.has(pair))).toEqual([]);
});

test('no module is in a cycle', () => {
  const graph = new Map(files.map(({ name, imports }) => [name, imports.filter((i) => i.internal && !i.typeOnly).map(({ to }) => to)]));
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const walk = (name: string, trail: string[]): void => {
    if (state.get(name) === 'done') return;
    if (state.get(name) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(name)), name].join(' -> '));
      return;
    }
    state.set(name, 'open');
    for (const next of graph.get(name) ?? []) walk(next, [...trail, name]);
    state.set(name, 'done');
  };
  for (const name of graph.keys()) walk(name, []);
  expect(cycles).toEqual([]);
});

describe('sizes', () => {
  const longFiles: Readonly<Record<string, string>> = {};
  const longFunctions: Readonly<Record<string, string>> = {};

  test('no file is over 600 lines', () => {
    const long = files.filter(({ text }) => text.split('\n').length > 600).map(({ name }) => name);
    expect(long.filter((name) => longFiles[name] === undefined)).toEqual([]);
    expect(Object.keys(longFiles).filter((name) => !long.includes(name))).toEqual([]);
  });

  test('no function is over 70 lines', () => {
    const long: string[] = [];
    for (const { name, tree } of files) {
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node) && 'body' in node && node.body) {
          const lines =
            tree.getLineAndCharacterOfPosition(node.end).line - tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
          const own = node.name && ts.isIdentifier(node.name) ? node.name.text : 'anonymous';
          if (lines > 70) long.push(`${name}: ${own}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(tree);
    }
    expect(long.filter((name) => longFunctions[name] === undefined)).toEqual([]);
    expect(Object.keys(longFunctions).filter((name) => !long.includes(name))).toEqual([]);
  });
});

test('every file opens with what it is', () => {
  expect(files.filter(({ text }) => !/^(#!.*\n)?\/\/ \S/.test(text)).map(({ name }) => name)).toEqual([]);
});

describe('calls that do not belong', () => {
  const pure = [
    'api/',
    'codec/',
    'xds/',
    'analysis/',
    'control/mesh/',
    'control/view/',
    'control/translate/',
    'proxy/route/',
    'telemetry/',
  ];
  const isPure = (name: string) => pure.some((folder) => name.startsWith(folder));
  const rules: { what: string; pattern: RegExp; applies: (name: string) => boolean; exceptions: Readonly<Record<string, string>> }[] = [
    {
      what: 'the environment and the arguments',
      pattern: /\bprocess\.(env|argv)\b/,
      applies: (name) => !name.startsWith('main/'),
      exceptions: {},
    },
    { what: 'console', pattern: /\bconsole\.\w+\(/, applies: () => true, exceptions: {} },
    {
      what: 'a timer that is not the Clock’s',
      pattern: /(?<!\.)\b(setTimeout|setInterval)\(/,
      applies: (name) => name !== 'foundation/clock',
      exceptions: {},
    },
    {
      what: 'the time that is not the Clock’s',
      pattern: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/,
      applies: (name) => name !== 'foundation/clock',
      exceptions: {},
    },
    { what: 'chance that is not Random’s', pattern: /\bMath\.random\(/, applies: (name) => name !== 'foundation/random', exceptions: {} },
    {
      what: 'I/O in a pure folder',
      pattern: /from 'node:(net|http|https|http2|tls|dgram|dns|fs|fs\/promises|child_process|worker_threads|timers)'/,
      applies: isPure,
      exceptions: { 'api/rules/names': 'net.isIP reads a string and opens nothing' },
    },
    { what: 'eval', pattern: /\beval\(|new Function\(/, applies: () => true, exceptions: {} },
  ];

  test.each(rules)('$what', ({ pattern, applies, exceptions }) => {
    const found = files.filter(({ name, tree }) => applies(name) && pattern.test(codeOf(tree))).map(({ name }) => name);
    expect(found.filter((name) => exceptions[name] === undefined)).toEqual([]);
    expect(Object.keys(exceptions).filter((name) => !found.includes(name))).toEqual([]);
  });
});

/** The text without comments and without what stands in strings, but with import specifiers. */
function codeOf(tree: ts.SourceFile): string {
  const parts: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) parts.push(`from '${(node.moduleSpecifier as ts.StringLiteral).text}'\n`);
    else if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      parts.push(`${ts.isNewExpression(node) ? 'new ' : ''}${node.expression.getText(tree)}(${node.arguments?.length ? 'x' : ''})\n`);
    } else if (ts.isPropertyAccessExpression(node)) parts.push(`${node.getText(tree)}\n`);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return parts.join('').replaceAll(/\/\*[\s\S]*?\*\//g, '');
}
