// VirtualServices that delegate rules to others: the rules of both made one, as Istio merges them. Pure; used by fold.ts.
import { isDeepStrictEqual } from 'node:util';
import type { Destination, HttpMatch, HttpRoute, StringMatch, VirtualService } from '#api/kinds/virtual-service';
import { resolveHost } from './hostname.ts';
import { isExported } from './service.ts';

export function delegates(object: VirtualService): boolean {
  return object.spec.http?.some(({ delegate }) => delegate !== undefined) ?? false;
}

/**
 * The VirtualService with the rules of its delegates in place of the rules that delegate; the object itself when none does. `find`: by
 * `namespace/name`. A delegate that is missing, not exported to the root's namespace or no delegate at all (it has hosts) gives no rules.
 * One level deep.
 */
export function withDelegates(
  root: VirtualService,
  find: (key: string) => VirtualService | undefined,
  domainSuffix: string,
): VirtualService {
  if (!delegates(root)) return root;
  const namespace = root.metadata.namespace ?? 'default';
  const http = (root.spec.http ?? []).flatMap((rule): HttpRoute[] => {
    if (rule.delegate === undefined) return [rule];
    const owner = rule.delegate.namespace || namespace;
    const delegate = find(`${owner}/${rule.delegate.name ?? ''}`);
    if (delegate === undefined || delegate.spec.hosts?.length) return [];
    const exportTo = delegate.spec.exportTo?.length ? delegate.spec.exportTo : ['*'];
    if (!isExported(exportTo, owner, namespace)) return [];
    return (delegate.spec.http ?? []).flatMap((inner) => mergeRules(rule, inOwnNamespace(inner, owner, domainSuffix)) ?? []);
  });
  return { ...root, spec: { ...root.spec, http } };
}

/** Short names mean what they mean where the rule is written. */
function inOwnNamespace(rule: HttpRoute, namespace: string, domainSuffix: string): HttpRoute {
  const whole = (destination: Destination) => ({ ...destination, host: resolveHost(destination.host, namespace, domainSuffix) });
  return {
    ...rule,
    ...(rule.route && { route: rule.route.map((entry) => ({ ...entry, destination: whole(entry.destination) })) }),
    ...(rule.mirror && { mirror: whole(rule.mirror) }),
    ...(rule.mirrors && { mirrors: rule.mirrors.map((entry) => ({ ...entry, destination: whole(entry.destination) })) }),
  };
}

/** What the delegate leaves open, the root fills in. Undefined: no request could match both. */
function mergeRules({ delegate: _, ...root }: HttpRoute, inner: HttpRoute): HttpRoute | undefined {
  const match = mergeMatches(root.match ?? [], inner.match ?? []);
  if (match === undefined) return undefined;
  const name = joinNames(root.name, inner.name);
  return { ...root, ...inner, ...(match.length > 0 && { match }), ...(name && { name }) };
}

function mergeMatches(roots: readonly HttpMatch[], inners: readonly HttpMatch[]): HttpMatch[] | undefined {
  if (inners.length === 0) return [...roots];
  if (roots.length === 0) return [...inners];
  const merged = roots.flatMap((root) => inners.flatMap((inner) => (conflict(root, inner) ? [] : [mergeMatch(root, inner)])));
  return merged.length === 0 ? undefined : merged;
}

const maps = ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'] as const;

function mergeMatch(root: HttpMatch, inner: HttpMatch): HttpMatch {
  const merged: HttpMatch = { ...root, ...inner };
  const name = joinNames(root.name, inner.name);
  if (name) merged.name = name;
  for (const field of maps) {
    if (root[field] && inner[field]) Object.assign(merged, { [field]: { ...root[field], ...inner[field] } });
  }
  if (inner.gateways?.length === 0 && root.gateways) merged.gateways = root.gateways;
  return merged;
}

function joinNames(root: string | undefined, inner: string | undefined): string | undefined {
  return root && inner ? `${root}-${inner}` : inner || root;
}

/** Would the merged match ask for less than both do, or for what cannot be? */
function conflict(root: HttpMatch, inner: HttpMatch): boolean {
  const strings = ['uri', 'scheme', 'method', 'authority'] as const;
  if (strings.some((field) => stringConflict(root[field], inner[field]))) return true;
  const matches = ['headers', 'withoutHeaders', 'queryParams'] as const;
  for (const field of matches) {
    for (const [key, match] of Object.entries(inner[field] ?? {})) if (stringConflict(root[field]?.[key], match)) return true;
  }
  if ((root.ignoreUriCase ?? false) !== (inner.ignoreUriCase ?? false)) return true;
  if (root.port && inner.port && root.port !== inner.port) return true;
  if (root.sourceNamespace && inner.sourceNamespace && root.sourceNamespace !== inner.sourceNamespace) return true;
  for (const [label, value] of Object.entries(inner.sourceLabels ?? {})) {
    const wanted = root.sourceLabels?.[label];
    if (wanted !== undefined && wanted !== value) return true;
  }
  const { gateways = [] } = root;
  return gateways.length > 0 && (inner.gateways ?? []).some((gateway) => !gateways.includes(gateway));
}

/** Regular expressions are not compared: beside one there may be nothing else. */
function stringConflict(root: Partial<StringMatch> | undefined, inner: Partial<StringMatch> | undefined): boolean {
  if (root === undefined || inner === undefined || isDeepStrictEqual(root, inner)) return false;
  const asks = ({ exact, prefix, regex }: Partial<StringMatch>) => Boolean(exact || prefix || regex);
  if (!asks(root) || !asks(inner)) return false;
  if (root.regex || inner.regex) return true;
  if (root.exact) return inner.exact !== root.exact;
  return !(inner.exact ?? inner.prefix ?? '').startsWith(root.prefix ?? '');
}
