// Asks an authorization service by Envoy's gRPC protocol: envoy.service.auth.v3.Authorization/Check.
import type { GrpcService } from '#codec/protobuf/generated/envoy/config/core/v3/grpc_service';
import { CheckRequest, CheckResponse } from '#codec/protobuf/generated/envoy/service/auth/v3/external_auth';
import { decodeHeaderMutations } from '#proxy/config/decode-header-mutations';
import type { Findings } from '#proxy/config/findings';
import { decodeGrpcTarget } from '#proxy/config/grpc-target';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { RequestHead } from '#proxy/http/head';
import type { CallContext } from '#proxy/upstream/cluster-call';
import { callGrpc } from '#proxy/upstream/grpc-call';
import type { Asker, AuthorizationSubject, Decision } from './decision.ts';

const checkPath = '/envoy.service.auth.v3.Authorization/Check';

/** Envoy's default. */
const timeoutMsDefault = 200;

export interface GrpcServiceOptions {
  /** May the service be told of this header? */
  tells(name: string): boolean;
  readonly metadataNamespaces: readonly string[];
  readonly packAsBytes: boolean;
}

export function decodeGrpcAsker(
  service: GrpcService,
  options: GrpcServiceOptions,
  field: string,
  findings: Findings,
): (context: CallContext) => Asker {
  const target = decodeGrpcTarget(service, timeoutMsDefault, field, findings);
  return (context) => (subject, body, partial, contextExtensions, onDecision) => {
    const message = CheckRequest.encode(checkRequest(subject, body, partial, contextExtensions, options)).finish();
    return callGrpc(context, target, checkPath, message, (result) => {
      onDecision(result.kind === 'failure' ? { kind: 'error', reason: result.reason } : decisionOf(result.message));
    });
  };
}

/** Of bare connections. The answer is about the connection alone: what it says of headers is for nobody. */
export function decodeGrpcConnectionAsker(
  service: GrpcService,
  field: string,
  findings: Findings,
): (
  context: CallContext,
) => (connection: DownstreamConnection, startWallMs: number, onDecision: (decision: Decision) => void) => { cancel(): void } {
  const target = decodeGrpcTarget(service, timeoutMsDefault, field, findings);
  return (context) => (connection, startWallMs, onDecision) => {
    const attributes = { ...peersOf(connection), request: { time: timeOf(startWallMs) }, tlsSession: { sni: connection.serverName } };
    const message = CheckRequest.encode(CheckRequest.fromPartial({ attributes })).finish();
    return callGrpc(context, target, checkPath, message, (result) => {
      onDecision(result.kind === 'failure' ? { kind: 'error', reason: result.reason } : decisionOf(result.message));
    });
  };
}

function peersOf(connection: DownstreamConnection) {
  const peer = (address: string, portValue: number, principal: string) => ({
    address: { address: { $case: 'socketAddress', value: { address, portSpecifier: { $case: 'portValue', value: portValue } } } } as const,
    principal,
  });
  return {
    source: peer(connection.remoteAddress, connection.remotePort, connection.tls?.peer?.uriNames[0] ?? ''),
    destination: peer(connection.localAddress, connection.localPort, ''),
  };
}

function timeOf(wallMs: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(wallMs / 1000);
  return { seconds, nanos: Math.round((wallMs - seconds * 1000) * 1e6) };
}

function checkRequest(
  subject: AuthorizationSubject,
  body: Buffer,
  partial: boolean,
  contextExtensions: Readonly<Record<string, string>>,
  { tells, metadataNamespaces, packAsBytes }: GrpcServiceOptions,
): CheckRequest {
  const { connection, request } = subject;
  const metadata = metadataNamespaces.flatMap((name) => {
    const values = subject.metadataOf(name);
    return values === undefined ? [] : [[name, values] as const];
  });
  return CheckRequest.fromPartial({
    attributes: {
      ...peersOf(connection),
      request: {
        time: timeOf(subject.startWallMs),
        http: {
          id: request.header('x-request-id') ?? '',
          method: subject.method,
          headers: { ...headersOf(request, tells), ...(partial && { 'x-envoy-auth-partial-body': 'true' }) },
          path: subject.path,
          host: subject.authority,
          scheme: subject.scheme,
          protocol: subject.protocol,
          size: body.length,
          ...(packAsBytes ? { rawBody: body } : { body: body.toString() }),
        },
      },
      contextExtensions,
      metadataContext: { filterMetadata: Object.fromEntries(metadata) },
      tlsSession: { sni: connection.serverName },
    },
  });
}

function headersOf(request: RequestHead, tells: (name: string) => boolean): Record<string, string> {
  const headers: Record<string, string> = {
    ':method': request.method,
    ':path': request.path,
    ':authority': request.authority,
    ':scheme': request.scheme,
  };
  request.forEach((name, value) => {
    if (tells(name)) headers[name] = headers[name] === undefined ? value : `${headers[name]},${value}`;
  });
  return headers;
}

const forbidden = 403;

function decisionOf(message: Buffer): Decision {
  let response: CheckResponse;
  try {
    response = CheckResponse.decode(message);
  } catch {
    return { kind: 'error', reason: 'the answer is not a CheckResponse' };
  }
  const { status, httpResponse, dynamicMetadata } = response;
  const none = decodeHeaderMutations([], []);
  if ((status?.code ?? 0) === 0) {
    const ok = httpResponse?.$case === 'okResponse' ? httpResponse.value : undefined;
    return {
      kind: 'allow',
      request: ok ? decodeHeaderMutations(ok.headers, ok.headersToRemove) : none,
      response: ok ? decodeHeaderMutations(ok.responseHeadersToAdd, []) : none,
      metadata: dynamicMetadata ?? {},
    };
  }
  const denied = httpResponse?.$case === 'deniedResponse' ? httpResponse.value : undefined;
  const headers = (denied?.headers ?? []).flatMap(({ header }) => (header ? [[header.key.toLowerCase(), header.value] as const] : []));
  return { kind: 'deny', status: denied?.status?.code || forbidden, headers, body: denied?.body ?? '' };
}
