// Makes paths that mean the same look the same before a route is chosen, as the connection manager's options ask: Envoy's
// `normalize_path` (RFC 3986 section 6), `merge_slashes` and `path_with_escaped_slashes_action`. Pure.
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';

export type NormalPath = { readonly kind: 'path' | 'redirect'; readonly path: string } | { readonly kind: 'reject' };

type Options = Pick<HttpConnectionManagerConfig, 'normalizePath' | 'mergeSlashes' | 'escapedSlashes'>;

const reject: NormalPath = { kind: 'reject' };
/** What nearly no path has; the others need no second look. */
const suspicious = /%2f|%5c|%2e|%00|\\|\/\.|\/\//i;

export function normalizePath(path: string, options: Options): NormalPath {
  const query = path.indexOf('?');
  const pathname = query < 0 ? path : path.slice(0, query);
  if (!suspicious.test(pathname) || !pathname.startsWith('/')) return { kind: 'path', path };
  let normal = pathname;
  let redirect = false;
  if (options.escapedSlashes !== 'keep' && /%2f|%5c/i.test(normal)) {
    if (options.escapedSlashes === 'reject') return reject;
    normal = normal.replace(/%2f/gi, '/').replace(/%5c/gi, '\\');
    redirect = options.escapedSlashes === 'unescape-and-redirect';
  }
  if (options.normalizePath) {
    if (normal.includes('%00')) return reject;
    normal = withoutDotSegments(normal.replace(/%2e/gi, '.').replaceAll('\\', '/'));
  }
  if (options.mergeSlashes) normal = normal.replace(/\/{2,}/g, '/');
  return { kind: redirect ? 'redirect' : 'path', path: query < 0 ? normal : normal + path.slice(query) };
}

/** RFC 3986 section 5.2.4. Never leaves the root. */
function withoutDotSegments(pathname: string): string {
  const kept: string[] = [];
  const segments = pathname.split('/').slice(1);
  for (const [i, segment] of segments.entries()) {
    const last = i === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (last && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
