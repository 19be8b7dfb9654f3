// What makes a list of fields a message: RFC 9113 section 8, RFC 8441 section 4. Pure; a malformed message is a stream error, and the
// proxy in front of HTTP/1 peers is the reason for being strict.
import type { Field } from './field.ts';

/** A request or response: pseudo fields taken apart, the others as they came. */
export interface MessageHead {
  /** Without pseudo fields. */
  readonly fields: Field[];
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** Of an extended CONNECT: `websocket`. */
  readonly protocol: string;
  /** 0 in a request. */
  readonly status: number;
  /** Declared; -1: not. */
  readonly contentLength: number;
}

/** Or why it is malformed. */
export type CheckedHead = MessageHead | string;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const badPath = /[\x00-\x20\x7f#]/;
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const authority = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::\d{1,5})?$/;
const digits = /^\d{1,15}$/;

interface Draft {
  fields: Field[];
  method: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  protocol: string | undefined;
  status: string | undefined;
  host: string | undefined;
  contentLength: number;
}

type PseudoName = 'method' | 'scheme' | 'authority' | 'path' | 'protocol' | 'status';
const requestPseudo: ReadonlyMap<string, PseudoName> = new Map([
  [':method', 'method'],
  [':scheme', 'scheme'],
  [':authority', 'authority'],
  [':path', 'path'],
  [':protocol', 'protocol'],
]);
const responsePseudo: ReadonlyMap<string, PseudoName> = new Map([[':status', 'status']]);

/** `connectProtocol`: extended CONNECT was offered. */
export function checkRequest(fields: readonly Field[], connectProtocol: boolean): CheckedHead {
  const draft = read(fields, requestPseudo);
  if (typeof draft === 'string') return draft;
  const { method, scheme, path, protocol } = draft;
  if (method === undefined || !token.test(method)) return 'no valid :method';
  if (draft.authority !== undefined && draft.host !== undefined && draft.authority !== draft.host) return 'host is not :authority';
  const named = draft.authority ?? draft.host ?? '';
  if (named !== '' && !authority.test(named)) return 'malformed :authority';
  if (protocol !== undefined && (method !== 'CONNECT' || !connectProtocol || !token.test(protocol))) return ':protocol not expected';
  if (method === 'CONNECT' && protocol === undefined) {
    if (scheme !== undefined || path !== undefined) return 'CONNECT with :scheme or :path';
    if (!/:0*[1-9]\d*$/.test(draft.authority ?? '')) return 'CONNECT wants host:port';
  } else {
    if (scheme !== 'http' && scheme !== 'https') return 'no valid :scheme';
    if (path === undefined || badPath.test(path)) return 'no valid :path';
    if (path.charCodeAt(0) !== 47 && !(path === '*' && method === 'OPTIONS')) return 'no valid :path';
    if (named === '') return 'no :authority';
  }
  return finish(draft, named, 0);
}

export function checkResponse(fields: readonly Field[]): CheckedHead {
  const draft = read(fields, responsePseudo);
  if (typeof draft === 'string') return draft;
  const { status } = draft;
  // 101 is HTTP/1's alone: RFC 9113 section 8.6.
  if (status === undefined || !/^[1-9]\d\d$/.test(status) || status === '101') return 'no valid :status';
  return finish(draft, '', Number(status));
}

/** Trailers have no pseudo fields. Returns why they are malformed, if they are. */
export function checkTrailers(fields: readonly Field[]): string | undefined {
  const draft = read(fields, noPseudo);
  return typeof draft === 'string' ? draft : undefined;
}

const noPseudo: ReadonlyMap<string, PseudoName> = new Map();

function finish(draft: Draft, named: string, status: number): MessageHead {
  const { fields, contentLength, method = '', scheme = '', path = '', protocol = '' } = draft;
  return { fields, contentLength, method, scheme, path, protocol, authority: named, status };
}

function read(fields: readonly Field[], pseudo: ReadonlyMap<string, PseudoName>): Draft | string {
  const draft: Draft = {
    fields: [],
    method: undefined,
    scheme: undefined,
    authority: undefined,
    path: undefined,
    protocol: undefined,
    status: undefined,
    host: undefined,
    contentLength: -1,
  };
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i]!;
    const { name, value } = field;
    if (!name.valid) return 'malformed field name';
    if (!field.valid) return `malformed value of ${name.text}`;
    if (!name.pseudo) {
      const fault = readField(draft, field);
      if (fault !== undefined) return fault;
      continue;
    }
    const known = pseudo.get(name.text);
    if (known === undefined) return `${name.text} not expected`;
    if (draft.fields.length > 0 || draft.host !== undefined) return `${name.text} behind other fields`;
    if (draft[known] !== undefined) return `${name.text} twice`;
    draft[known] = value;
  }
  return draft;
}

function readField(draft: Draft, field: Field): string | undefined {
  const { name, value } = field;
  if (name.connectionSpecific) return `${name.text} belongs to HTTP/1`;
  switch (name.text) {
    case 'te':
      if (value !== 'trailers') return 'te other than trailers';
      break;
    case 'host':
      if (draft.host !== undefined) return 'host twice';
      draft.host = value;
      return undefined;
    case 'content-length':
      if (!digits.test(value) || draft.contentLength >= 0) return 'malformed content-length';
      draft.contentLength = Number(value);
      break;
  }
  draft.fields.push(field);
  return undefined;
}
