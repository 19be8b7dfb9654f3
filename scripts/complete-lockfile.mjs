// Writes the platform packages that this machine's registry does not carry into package-lock.json.
// `npm ci` refuses a lock file that misses an optional dependency, even one for another system, and `npm install`
// leaves out what it cannot look up. Run after `npm install`: an entry with its os and cpu is skipped elsewhere.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const file = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const lock = JSON.parse(fs.readFileSync(file, 'utf8'));
const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'sunos', 'win32', 'netbsd', 'openbsd', 'aix'];
const processors = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32', 'mips64el'];
const alias = { armv7: 'arm', musleabihf: 'arm' };

/** Beside the package, or beside one that it is inside of. */
function isInstalledFor(where, key) {
  const folders = where.split('/node_modules/').map((_, depth, parts) => parts.slice(0, depth + 1).join('/node_modules/'));
  return lock.packages[key] !== undefined || folders.some((folder) => lock.packages[`${folder}/${key}`]);
}

for (const [where, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (where === '' || isInstalledFor(where, key) || !/^\d/.test(version)) continue;
    const words = name.split(/[/-]/).map((word) => alias[word] ?? word);
    const os = systems.filter((system) => words.includes(system));
    const cpu = processors.filter((processor) => words.includes(processor));
    const libc = words.find((word) => word === 'musl' || word === 'glibc') ?? (words.includes('gnu') ? 'glibc' : undefined);
    if (os.length === 0 && cpu.length === 0) continue;
    lock.packages[key] = {
      version,
      ...(cpu.length ? { cpu } : {}),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...(libc ? { libc: [libc] } : {}),
      ...(os.length ? { os } : {}),
    };
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
