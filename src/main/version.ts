// The version of this package, from its package.json.
import { existsSync, readFileSync } from 'node:fs';

/** The package's folder: above dist/src/main when compiled, above src/main in tests. */
export const packageRoot: URL = [new URL('../../', import.meta.url), new URL('../../../', import.meta.url)].find((root) =>
  existsSync(new URL('package.json', root)),
)!;

export const version = (JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string }).version;
