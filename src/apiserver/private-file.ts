// Files with secrets in them.
import { chmodSync, renameSync, writeFileSync } from 'node:fs';

/** Whole or not at all, and nobody else's to read. */
export function writePrivate(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
