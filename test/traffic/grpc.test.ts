// A peer that nobody here wrote: @grpc/grpc-js-xds follows the traffic tables. Python's is in test/peers.
import { fileURLToPath } from 'node:url';
import { describeGrpcTable } from './grpc-table.ts';

describeGrpcTable({ command: process.execPath, args: [fileURLToPath(new URL('grpc-client.mjs', import.meta.url))] });
