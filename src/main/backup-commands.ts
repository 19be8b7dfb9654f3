// `lateen backup` and `lateen restore`: the durable store to a file, and back into an empty folder.
import path from 'node:path';
import type { Command } from 'commander';

interface DataOptions {
  data?: string;
  apiPort: string;
}

export function addBackup(program: Command, { stdout, dataDirectory }: { stdout(text: string): void; dataDirectory: string }): void {
  const folderOf = ({ data, apiPort }: DataOptions) =>
    data === undefined ? path.join(dataDirectory, `mesh-${apiPort}`) : path.resolve(data);
  const options = (command: Command) =>
    command
      .option('--data <folder>', `of the store, as "lateen up" was told (default: ${dataDirectory}/mesh-PORT)`)
      .option('--api-port <port>', 'of the mesh, where no folder is named', '6443');
  options(program.command('backup'))
    .summary('write all objects of the durable store to a file')
    .description('Writes all objects of the durable store to a file, with a checksum. The mesh may go on meanwhile.')
    .argument('<file>', 'made, or replaced as a whole')
    .action(async (file: string, given: DataOptions) => {
      const { backUp } = await import('#store/backup');
      stdout(`${await backUp(folderOf(given), file)} objects written to ${file}\n`);
    });
  options(program.command('restore'))
    .summary('fill an empty folder with the objects of a backup')
    .description('Fills an empty folder with the objects of a backup, for "lateen up --data FOLDER".')
    .argument('<file>', 'that "lateen backup" has written')
    .action(async (file: string, given: DataOptions) => {
      const { restore } = await import('#store/backup');
      stdout(`${await restore(file, folderOf(given))} objects restored to ${folderOf(given)}\n`);
    });
}
