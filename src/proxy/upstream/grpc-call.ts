// A unary gRPC call that the proxy itself makes, over a cluster's own HTTP/2 connections.
import type { GrpcTarget } from '#proxy/config/grpc-target';
import { type FieldList, FieldRequestHead } from '#proxy/http/head';
import { type CallContext, ClusterCall } from './cluster-call.ts';

export type GrpcResult = { readonly kind: 'answer'; readonly message: Buffer } | { readonly kind: 'failure'; readonly reason: string };

/** Of answers of services that filters ask. */
const answerBytesMax = 1024 * 1024;

/** `path`: `/package.Service/Method`. `onResult` is called once, perhaps before this returns. */
export function callGrpc(
  context: CallContext,
  { cluster, authority, timeoutMs, metadata }: GrpcTarget,
  path: string,
  message: Uint8Array,
  onResult: (result: GrpcResult) => void,
): ClusterCall {
  const head = new FieldRequestHead('POST', authority, path, [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...(timeoutMs > 0 ? ([['grpc-timeout', `${Math.min(99_999_999, Math.ceil(timeoutMs))}m`]] as const) : []),
    ...metadata,
  ]);
  return new ClusterCall(context, { cluster, head, body: frame(message), timeoutMs, answerBytesMax }, (result) => {
    if (result.kind === 'failure') onResult(result);
    else onResult(readAnswer(result.head.status, result.body, (name) => statusField(result.trailers, name) ?? result.head.header(name)));
  });
}

const prefixBytes = 5;

function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(prefixBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, prefixBytes);
  return framed;
}

function statusField(trailers: FieldList, name: string): string | undefined {
  return trailers.find((trailer) => trailer[0] === name)?.[1];
}

function readAnswer(httpStatus: number, body: Buffer, field: (name: string) => string | undefined): GrpcResult {
  const status = field('grpc-status');
  if (httpStatus !== 200) return { kind: 'failure', reason: `HTTP status ${httpStatus}` };
  if (status !== '0') return { kind: 'failure', reason: `gRPC status ${status ?? 'missing'}: ${field('grpc-message') ?? ''}` };
  if (body.length < prefixBytes || body[0] !== 0 || body.readUInt32BE(1) !== body.length - prefixBytes) {
    return { kind: 'failure', reason: 'not one plain gRPC message' };
  }
  return { kind: 'answer', message: body.subarray(prefixBytes) };
}
