// What the proxy knows of gRPC: which requests are, and how it answers them in the upstream's place. Pure. gRPC's mapping of HTTP/2, and
// Envoy's of statuses.
import { FieldHead, type FieldList, type RequestHead } from './head.ts';

/** `application/grpc`, perhaps with the format behind a plus; gRPC-web is another protocol. */
const grpcType = /^application\/grpc(?:$|[+;])/i;

export function isGrpc(request: RequestHead): boolean {
  return grpcType.test(request.header('content-type') ?? '');
}

const unknown = '2';
const grpcStatuses: ReadonlyMap<number, string> = new Map([
  [400, '13'],
  [401, '16'],
  [403, '7'],
  [404, '12'],
  [429, '14'],
  [502, '14'],
  [503, '14'],
  [504, '14'],
]);

/** By gRPC's numbers, 0 to 16: Envoy's mapping the other way round. */
const httpStatuses: readonly number[] = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

/** For clients that are told of a gRPC status and speak plain HTTP, and for who judges endpoints by it. */
export function httpStatusOfGrpc(status: number): number {
  return httpStatuses[status] ?? 500;
}

/** A local reply as a gRPC client reads it: an answer of trailers alone, the reason in `grpc-message`. */
export function grpcReply(status: number, message: string, headers: FieldList = [], grpcStatus?: number): FieldHead {
  const head = new FieldHead(200, headers);
  head.set('content-type', 'application/grpc');
  head.set('grpc-status', grpcStatus === undefined ? (grpcStatuses.get(status) ?? unknown) : String(grpcStatus));
  if (message !== '') head.set('grpc-message', percentEncoded(message));
  return head;
}

/** Printable ASCII but the percent sign stays as it is. */
function percentEncoded(message: string): string {
  return [...Buffer.from(message)]
    .map((byte) => (byte >= 0x20 && byte <= 0x7e && byte !== 0x25 ? String.fromCharCode(byte) : `%${hex(byte)}`))
    .join('');
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
