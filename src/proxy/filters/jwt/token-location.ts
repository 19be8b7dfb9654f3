// Where in a request a provider's tokens are, and how they are taken out before it goes on: headers, query parameters, cookies.
import type { JwtProvider } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import type { RequestHead } from '#proxy/http/head';

export interface FoundToken {
  readonly token: string;
  /** So that upstreams do not see it. */
  remove(request: RequestHead): void;
}

export type TokenLocation = (request: RequestHead) => FoundToken | undefined;

/** Where nothing is said, a token is in `authorization` or in `access_token`. */
export function decodeLocations({ fromHeaders, fromParams, fromCookies }: JwtProvider): TokenLocation[] {
  if (fromHeaders.length + fromParams.length + fromCookies.length === 0)
    return [inHeader('authorization', 'Bearer '), inParameter('access_token')];
  return [
    ...fromHeaders.map(({ name, valuePrefix }) => inHeader(name.toLowerCase(), valuePrefix)),
    ...fromParams.map(inParameter),
    ...fromCookies.map(inCookie),
  ];
}

function inHeader(name: string, prefix: string): TokenLocation {
  return (request) => {
    const value = request.header(name);
    const start = value?.indexOf(prefix) ?? -1;
    if (value === undefined || start < 0) return undefined;
    const token = /^[\w.~+/=-]+/.exec(value.slice(start + prefix.length).trimStart())?.[0];
    return token === undefined ? undefined : { token, remove: (head) => head.remove(name) };
  };
}

function inParameter(name: string): TokenLocation {
  return (request) => {
    const start = request.path.indexOf('?');
    if (start < 0) return undefined;
    const token = new URLSearchParams(request.path.slice(start + 1)).get(name);
    if (!token) return undefined;
    return { token, remove: (head) => removeParameter(head, name) };
  };
}

function removeParameter(head: RequestHead, name: string): void {
  const start = head.path.indexOf('?');
  const left = head.path
    .slice(start + 1)
    .split('&')
    .filter((pair) => pair.split('=', 1)[0] !== name)
    .join('&');
  head.path = head.path.slice(0, start) + (left === '' ? '' : `?${left}`);
}

/** Cookies stay where they are, as in Envoy. */
function inCookie(name: string): TokenLocation {
  return (request) => {
    for (const cookie of (request.header('cookie') ?? '').split(';')) {
      const equals = cookie.indexOf('=');
      if (equals < 0 || cookie.slice(0, equals).trim() !== name) continue;
      const token = cookie
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1');
      if (token !== '') return { token, remove: () => {} };
    }
    return undefined;
  };
}
