// Builds dist/: every program as one module graph with its dependencies inside (a Node process that loads one file instead
// of a thousand starts in half the time and keeps 20 MB less), and the descriptor set beside them. Types are checked
// apart, by `npm run typecheck`; of `lateen/test` there are declarations. With --if-stale it does nothing where dist/ is newer than everything it is made of.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeDeclarations } from './declarations.mjs';
import { generateProtos } from './generate-protos.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');

generateProtos();
if (!process.argv.includes('--if-stale') || isStale()) await buildAll();

async function buildAll() {
  const { build } = await import('rolldown');
  // A build that is under way disturbs nobody who runs the last one.
  const fresh = path.join(root, `dist.${process.pid}`);
  const programs = [
    'src/main/lateen',
    'src/main/control-plane',
    'src/main/proxies',
    'src/main/proxy-worker',
    'src/main/http-call',
    'src/main/test',
    ...modulesBelow('samples'),
    ...modulesBelow('bench'),
  ];
  try {
    await build({
      cwd: root,
      input: Object.fromEntries(programs.map((program) => [program.replace(/^src\//, ''), `${program}.ts`])),
      platform: 'node',
      logLevel: 'warn',
      // What has a binary beside it stays where npm put it; peers of the benchmarks are found as their users find them.
      external: ['http-proxy', 'koffi', 'lmdb', 'wasmoon'],
      // Of services whose messages alone are used, the generated clients would bring gRPC into every program.
      treeshake: {
        manualPureFunctions: ['makeGenericClientConstructor'],
        moduleSideEffects: [{ test: /node_modules\/@grpc\/grpc-js\//, sideEffects: false }],
      },
      preserveEntrySignatures: 'allow-extension',
      output: {
        dir: fresh,
        format: 'esm',
        chunkFileNames: 'chunks/[name]-[hash].js',
        sourcemap: true,
        minify: true,
        codeSplitting: { groups: [{ debugName: 'packages', name: packageOf, includeDependenciesRecursively: false }] },
      },
    });
    fs.copyFileSync(path.join(root, 'src/codec/protobuf/generated/descriptors.binpb'), path.join(fresh, 'descriptors.binpb'));
    writeDeclarations(path.join(root, 'src'), 'main/test', path.join(fresh, 'types'));
    fs.chmodSync(path.join(fresh, 'main/lateen.js'), 0o755);
    fs.rmSync(dist, { recursive: true, force: true });
    fs.renameSync(fresh, dist);
  } finally {
    fs.rmSync(fresh, { recursive: true, force: true });
  }
}

/** A package in a chunk of its own is not loaded by who wants a module that would share its chunk. Of one, parts are wanted apart. */
function packageOf(id) {
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id) ?? [];
  return name === '@bufbuild/protobuf' ? undefined : name?.replace('@', '').replace('/', '-');
}

function modulesBelow(folder) {
  return filesBelow(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/\.ts$/, ''));
}

function filesBelow(folder) {
  return fs.readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`);
}

/** A folder counts as well: it changes when a file of it goes. */
function isStale() {
  const program = path.join(dist, 'main/lateen.js');
  if (!fs.existsSync(program)) return true;
  const built = fs.statSync(program).mtimeMs;
  const inputs = ['package-lock.json', ...['src', 'samples', 'bench', 'scripts'].flatMap((folder) => [folder, ...filesBelow(folder)])];
  return inputs.some((file) => fs.statSync(path.join(root, file)).mtimeMs > built);
}
