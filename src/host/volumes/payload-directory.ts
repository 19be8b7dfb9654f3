// A folder whose files change all at once: they are in a folder of their own, to which the link `..data` leads; what programs open are
// links through it. As Kubernetes lays out volumes, so that programs which watch for that (`..data` renamed) see what they know.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { VolumeFiles } from './volume-files.ts';

const dataLink = '..data';
const draftLink = '..data_tmp';

/** Makes the folder, or changes what is in it. `timestamp`: of this version's folder. */
export function writePayload(directory: string, files: VolumeFiles, timestamp: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  const version = mkdtempSync(path.join(directory, `..${timestamp}.`));
  // Whoever the programs run as.
  chmodSync(version, 0o755);
  for (const [name, { content, mode }] of files) {
    const file = path.join(version, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
  }
  const former = linkedTo(path.join(directory, dataLink));
  const draft = path.join(directory, draftLink);
  rmSync(draft, { force: true });
  symlinkSync(path.basename(version), draft);
  renameSync(draft, path.join(directory, dataLink));
  linkNames(directory, new Set([...files.keys()].map((name) => name.split('/', 1)[0]!)));
  if (former !== undefined) rmSync(path.join(directory, former), { recursive: true, force: true });
}

/** One link for each name at the top. */
function linkNames(directory: string, names: ReadonlySet<string>): void {
  const present = new Set(readdirSync(directory).filter((name) => !name.startsWith('..')));
  for (const name of present) if (!names.has(name)) rmSync(path.join(directory, name), { force: true });
  for (const name of names) if (!present.has(name)) symlinkSync(path.join(dataLink, name), path.join(directory, name));
}

function linkedTo(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
