// This package as it is installed: its version, and where its files are.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { sharedCanonicalJson } from '#codec/protobuf/shared-canonical-json';

/** Above dist/main and dist/chunks when built, above src/main in tests. */
const root = [new URL('../', import.meta.url), new URL('../../', import.meta.url)].find((folder) =>
  existsSync(new URL('package.json', folder)),
)!;

export const version = (JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }).version;

/** Programs that are processes of their own, and the descriptor set. */
export const dist: URL = new URL('dist/', root);

/** Envoy's messages. */
export const canonicalJson: () => Promise<CanonicalJson> = sharedCanonicalJson(() => readFile(new URL('descriptors.binpb', dist)));

export const samples: URL = new URL('samples/', root);
