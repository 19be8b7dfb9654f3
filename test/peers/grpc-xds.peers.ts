// Debian's python3-grpcio, which is gRPC's C core, follows the traffic tables by itself, without a proxy.
import { fileURLToPath } from 'node:url';
import type { Case, Expectation } from '../traffic/case.ts';
import { describeGrpcTable } from '../traffic/grpc-table.ts';
import { run } from './program.ts';

/** Debian's: others do not have its packages. */
const python = '/usr/bin/python3';

const tried = await run(python, ['-c', 'import grpc']).catch(() => undefined);

const script = fileURLToPath(new URL('grpc_xds_client.py', import.meta.url));

describeGrpcTable(
  { command: python, args: [script], lacks },
  tried?.code === 0 ? undefined : 'python3-grpcio is not installed (Debian: apt-get install python3-grpcio)',
);

/** Seen of Debian 12's 1.51.1. */
function lacks({ yaml }: Case, { expect: { status } }: Expectation): string | undefined {
  if (yaml.includes('httpHeaderName')) return 'grpcio 1.51.1 ends with SIGSEGV when it hashes a header';
  return status === 404 ? 'grpcio 1.51.1 ends with SIGSEGV when no route takes a call' : undefined;
}
