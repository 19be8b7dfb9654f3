// Asks an authorization service by plain HTTP: the request's own head, and an answer of 200 that lets it pass.
import type { HttpService } from '#codec/protobuf/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz';
import type { ListStringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import { decodeStringMatcher } from '#proxy/config/decode-matcher';
import { type Findings, milliseconds } from '#proxy/config/findings';
import { FieldRequestHead, type RequestHead, type ResponseHead } from '#proxy/http/head';
import type { HeaderPair } from '#proxy/route/route';
import { type CallContext, ClusterCall } from '#proxy/upstream/cluster-call';
import type { Asker, Decision } from './decision.ts';

type NameTest = (name: string) => boolean;

/** Of the request, these are always told. */
const alwaysTold = new Set(['authorization']);
/** Of a refusal, the client always gets these. */
const alwaysGiven = new Set(['content-type', 'www-authenticate', 'location', 'set-cookie', 'proxy-authenticate']);
/** Of the hop, and made anew. */
const never = new Set(['content-length', 'transfer-encoding', 'connection']);

const timeoutMsDefault = 200;
const answerBytesMax = 1024 * 1024;

export function decodeNames(list: ListStringMatcher | undefined, field: string, findings: Findings): NameTest | undefined {
  if (list === undefined) return undefined;
  const tests = list.patterns.map((pattern, i) => decodeStringMatcher(pattern, `${field}.patterns[${i}]`, findings));
  return (name) => tests.some((test) => test(name));
}

/** `tells`: what the filter as a whole allows; undefined: it does not say. */
export function decodeHttpAsker(
  service: HttpService,
  tells: NameTest | undefined,
  field: string,
  findings: Findings,
): (context: CallContext) => Asker {
  const { serverUri, pathPrefix, authorizationRequest: asked, authorizationResponse: answered } = service;
  const names = (list: ListStringMatcher | undefined, key: string) => decodeNames(list, `${field}.${key}`, findings) ?? (() => false);
  const cluster = serverUri?.httpUpstreamType?.value ?? '';
  if (cluster === '') findings.report(`${field}.server_uri`, 'has no cluster');
  const allowed = tells ?? names(asked?.allowedHeaders, 'authorization_request.allowed_headers');
  const added = (asked?.headersToAdd ?? []).map(({ key, value }) => [key.toLowerCase(), value] as const);
  const upstream = names(answered?.allowedUpstreamHeaders, 'authorization_response.allowed_upstream_headers');
  const appended = names(answered?.allowedUpstreamHeadersToAppend, 'authorization_response.allowed_upstream_headers_to_append');
  const client = decodeNames(answered?.allowedClientHeaders, `${field}.authorization_response.allowed_client_headers`, findings);
  const onSuccess = names(answered?.allowedClientHeadersOnSuccess, 'authorization_response.allowed_client_headers_on_success');
  const metadata = names(answered?.dynamicMetadataFromHeaders, 'authorization_response.dynamic_metadata_from_headers');
  const timeoutMs = milliseconds(serverUri?.timeout, timeoutMsDefault);
  const read = (head: ResponseHead, body: Buffer): Decision => {
    if (head.status >= 500) return { kind: 'error', reason: `status ${head.status}` };
    if (head.status !== 200) {
      const gives = (name: string) => client === undefined || alwaysGiven.has(name) || client(name);
      return {
        kind: 'deny',
        status: head.status,
        headers: pairs(head, gives).map(({ name, value }) => [name, value]),
        body: body.toString(),
      };
    }
    return {
      kind: 'allow',
      request: { set: pairs(head, upstream), append: pairs(head, appended), addIfAbsent: [], remove: [] },
      response: { set: pairs(head, onSuccess), append: [], addIfAbsent: [], remove: [] },
      metadata: Object.fromEntries(pairs(head, metadata).map(({ name, value }) => [name, value])),
    };
  };
  return (context) => (subject, body, partial, _, onDecision) => {
    const fields = told(subject.request, allowed).concat(added, partial ? [['x-envoy-auth-partial-body', 'true']] : []);
    fields.push(['content-length', String(body.length)]);
    const head = new FieldRequestHead(subject.method, subject.authority, pathPrefix + subject.path, fields);
    return new ClusterCall(context, { cluster, head, body, timeoutMs, answerBytesMax }, (result) => {
      onDecision(result.kind === 'failure' ? { kind: 'error', reason: result.reason } : read(result.head, result.body));
    });
  };
}

function told(request: RequestHead, allowed: NameTest): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [];
  request.forEach((name, value) => {
    if (!never.has(name) && (alwaysTold.has(name) || allowed(name))) fields.push([name, value]);
  });
  return fields;
}

function pairs(head: ResponseHead, wanted: NameTest): HeaderPair[] {
  const found: HeaderPair[] = [];
  head.forEach((name, value) => {
    if (!never.has(name) && wanted(name)) found.push({ name, value });
  });
  return found;
}
