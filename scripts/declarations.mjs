// Declarations of a module that others import, and of what it shows of others: made file by file, so that nothing has to be type-checked,
// with `#layer/file` turned into relative paths. What is not shown is not reached.
import fs from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const options = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  declaration: true,
  isolatedDeclarations: true,
  stripInternal: true,
};

/** `entry` below `source`, without extension. Throws where a file does not say its types itself. */
export function writeDeclarations(source, entry, folder) {
  const waiting = [entry];
  const written = new Set();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (written.has(name)) continue;
    written.add(name);
    const text = fs.readFileSync(path.join(source, `${name}.ts`), 'utf8');
    const { outputText, diagnostics } = ts.transpileDeclaration(text, {
      fileName: `${name}.ts`,
      compilerOptions: options,
      reportDiagnostics: true,
    });
    if (diagnostics?.length) throw new Error(`${name}.ts: ${ts.flattenDiagnosticMessageText(diagnostics[0].messageText, '\n')}`);
    const file = path.join(folder, `${name}.d.ts`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(
      file,
      outputText.replace(/(from ')([#.][^']+)(')/g, (_, before, specifier, after) => {
        const to = specifier.startsWith('#')
          ? specifier.slice(1)
          : path.posix.join(path.posix.dirname(name), specifier.replace(/\.ts$/, ''));
        waiting.push(to);
        const relative = path.posix.relative(path.posix.dirname(name), to);
        return `${before}${relative.startsWith('.') ? '' : './'}${relative}.js${after}`;
      }),
    );
  }
}
