// Copies into dist/ what the compiler leaves out: the descriptor set.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const descriptors = 'src/codec/protobuf/generated/descriptors.binpb';
fs.copyFileSync(path.join(root, descriptors), path.join(root, 'dist', descriptors));
