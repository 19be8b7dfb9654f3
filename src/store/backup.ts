// A copy of the durable store as one text: a line of JSON for each object, between a head and a checksum. Taken while the store is in
// use; given back to a folder that is empty.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open as openFile, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { ApiObject } from '#api/kind';
import { MeshError } from '#foundation/mesh-error';
import { dataFormat, keyOfObject, LmdbJournal, openEnvironment, openTables } from './lmdb-journal.ts';

interface Head {
  lateenBackup: number;
  version: number;
}

interface Foot {
  objects: number;
  /** Of everything before this line. */
  sha256: string;
}

/** Resolves to the number of objects. Throws MeshError NO_DATA. The file is there as a whole or not at all. */
export async function backUp(directory: string, file: string): Promise<number> {
  if (!existsSync(path.join(directory, 'store'))) {
    throw new MeshError('NO_DATA', `there is no store in ${directory}`, { hint: 'name the folder that "lateen up" shows, with --data' });
  }
  const root = openEnvironment(directory, true);
  const draft = `${file}.${process.pid}`;
  const output = await openFile(draft, 'w', 0o600);
  try {
    const { objects, meta } = openTables(root);
    const hash = createHash('sha256');
    const write = async (line: string) => {
      hash.update(`${line}\n`);
      await output.write(`${line}\n`);
    };
    // One read transaction sees one state, whatever is written meanwhile.
    const transaction = root.useReadTransaction();
    const head: Head = { lateenBackup: dataFormat, version: Number(meta.get('version', { transaction }) ?? 1) };
    await write(JSON.stringify(head));
    let count = 0;
    for (const { value } of objects.getRange({ transaction })) {
      await write(value);
      count++;
    }
    transaction.done();
    const foot: Foot = { objects: count, sha256: hash.digest('hex') };
    await output.write(`${JSON.stringify(foot)}\n`);
    await output.sync();
    await rename(draft, file);
    return count;
  } finally {
    await output.close();
    await root.close();
  }
}

/** The inverse. Throws MeshError BACKUP_BROKEN, DATA_EXISTS, DATA_IN_USE or DATA_FORMAT; nothing is written then. */
export async function restore(file: string, directory: string): Promise<number> {
  const { head, objects } = readBackup(file, await readFile(file, 'utf8'));
  const journal = await LmdbJournal.open({ directory });
  try {
    if (journal.recover().objects.length > 0) {
      throw new MeshError('DATA_EXISTS', `${directory} holds objects already`, { hint: 'name an empty folder with --data' });
    }
    // Watches from before the backup must list again, so no history comes back.
    journal.replace(new Map(objects.map((object) => [keyOfObject(object), object])), head.version);
    return objects.length;
  } finally {
    await journal.close();
  }
}

function readBackup(file: string, text: string): { head: Head; objects: ApiObject[] } {
  const broken = (why: string) =>
    new MeshError('BACKUP_BROKEN', `${file} is no sound backup: ${why}`, { hint: 'take another one; nothing was restored' });
  const lines = text.split('\n');
  const last = lines.at(-2) ?? '';
  const body = text.slice(0, text.length - last.length - 1);
  try {
    const head = JSON.parse(lines[0] ?? '') as Head;
    const foot = JSON.parse(last) as Foot;
    if (head.lateenBackup !== dataFormat) throw broken(`it has format ${head.lateenBackup}, this Lateen reads ${dataFormat}`);
    if (createHash('sha256').update(body).digest('hex') !== foot.sha256) throw broken('its checksum does not fit');
    return { head, objects: lines.slice(1, -2).map((line) => JSON.parse(line) as ApiObject) };
  } catch (error) {
    throw error instanceof MeshError ? error : broken('it has been cut short, or is something else');
  }
}
