// Runs the three conformance suites against a command line, and compares what fails with known-failures.json: a failure
// that is not listed fails, and so does an entry whose case passes.
//   node test/conformance/run.mjs [--bin "node dist/main/lateen.js"]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, '..', '..');
const score = path.join(root, '..', 'shared', 'conformance', 'score.mjs');
const at = process.argv.indexOf('--bin');
const bin = at < 0 ? 'node dist/main/lateen.js' : process.argv[at + 1];

if (!fs.existsSync(score)) {
  console.log('conformance: skipped, ../shared/conformance is not here');
  process.exit(0);
}

const known = JSON.parse(fs.readFileSync(path.join(here, 'known-failures.json'), 'utf8'));
const seen = new Set();
let sound = true;
for (const suite of ['crds', 'validation', 'analysis']) {
  const { stdout } = spawnSync(process.execPath, [score, suite, '--bin', bin, '--show', '100000'], { cwd: root, encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  const misses = lines.filter((line) => line.startsWith('- '));
  // A line begins with the kind in one suite and with the case in the others; the case's name is in all of them.
  const listed = (line) =>
    Object.keys(known).find((id) =>
      line
        .slice(2)
        .replace(/^[A-Z]\w+ /, '')
        .startsWith(id),
    );
  const unlisted = misses.filter((line) => listed(line) === undefined);
  for (const line of misses) seen.add(listed(line));
  const finished = /^\d+ passed, \d+ failed$/.test(lines.at(-1) ?? '');
  sound &&= unlisted.length === 0 && finished;
  console.log(
    `conformance ${suite}: ${finished ? lines.at(-1) : 'did not finish'}${unlisted.length > 0 ? `, ${unlisted.length} of them new` : ''}`,
  );
  for (const line of unlisted) console.log(`  ${line}`);
}
for (const id of Object.keys(known).filter((each) => !seen.has(each))) {
  sound = false;
  console.log(`known-failures.json: ${id} does not fail any more: remove it`);
}
process.exitCode = sound ? 0 : 1;
