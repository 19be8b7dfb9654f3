// Which resources have a say in one call. In a mesh of thousands, checking and decoding the others is most of the work. Pure.
import { isIP } from 'node:net';
import { isPlainObject } from '#api/json';
import type { Choice } from '#cli/manifest-files';
import { parseCall } from './call.ts';
import type { Call } from './explanation.ts';

/**
 * All but those VirtualServices and DestinationRules whose hosts cannot be a host of the call, nor one that its VirtualServices lead to.
 * Hosts are compared by their first label, which every form of a name shares. Undefined: everything may have a say.
 */
export function concernOf(call: Call): Choice | undefined {
  const { host, protocol, request } = parseCall(call);
  const authority = request.authority.replace(/:\d+$/, '');
  if (protocol !== 'http' || isIP(host) || isIP(authority)) return undefined;
  const asked = new Set([host, authority].map(labelOf));
  return {
    texts: (texts) => concernedTexts(texts, asked),
    resources: (resources) => {
      const routes = (resource: unknown) => kindOf(resource) !== 'VirtualService' || mayName(asked, hostsOf(resource));
      const led = new Set(asked);
      for (const resource of resources) {
        if (kindOf(resource) === 'VirtualService' && routes(resource)) for (const name of namedHosts(resource)) led.add(labelOf(name));
      }
      return (resource) => (kindOf(resource) === 'DestinationRule' ? mayName(led, hostsOf(resource)) : routes(resource));
    },
  };
}

/** Before they are parsed, which is most of the work. */
function concernedTexts(texts: readonly string[], asked: ReadonlySet<string>): string[] {
  const documents = texts.map((text) => text.split(/^(?=---(?:\s|$))/m));
  const keeping = (kept: (document: string) => boolean) => (document: string) => (kept(document) ? document : blank(document));
  const routing = documents.map((each) =>
    each.map(keeping((document) => !isKind(document, 'VirtualService') || mentions(document, asked))),
  );
  const words = new Set(asked);
  for (const document of routing.flat()) {
    if (!isKind(document, 'VirtualService')) continue;
    for (const [word] of document.toLowerCase().matchAll(/[\w-]+/g)) words.add(word);
  }
  return routing.map((each) => each.map(keeping((document) => !isKind(document, 'DestinationRule') || isFor(document, words))).join(''));
}

function isKind(document: string, kind: string): boolean {
  return /^kind:.*$/m.exec(document)?.[0] === `kind: ${kind}`;
}

/** False only where no host in it can begin with one of these labels. */
function mentions(document: string, labels: ReadonlySet<string>): boolean {
  const text = document.toLowerCase();
  return hidesHosts.test(document) || [...labels].some((label) => text.includes(label));
}

/** Wildcards, aliases, escapes and tags: a host need not stand there as it is. */
const hidesHosts = /[*\\&!]/;

/** False only where a DestinationRule's host begins with none of these labels. */
function isFor(document: string, labels: ReadonlySet<string>): boolean {
  const [host, ...more] = [...document.matchAll(/\bhost["']?\s*:\s*["']?([^\s"',}]+)/g)];
  return host?.[1] === undefined || more.length > 0 || hidesHosts.test(document) || labels.has(labelOf(host[1]));
}

function blank(document: string): string {
  return document.replace(/[^\n]+/g, '');
}

function kindOf(resource: unknown): unknown {
  return isPlainObject(resource) ? resource['kind'] : undefined;
}

/** Of a VirtualService or DestinationRule; whatever is not written as it should be counts as any host. */
function hostsOf(resource: unknown): readonly string[] {
  const spec = isPlainObject(resource) ? resource['spec'] : undefined;
  if (!isPlainObject(spec)) return ['*'];
  const hosts = spec['hosts'] ?? [spec['host']];
  return Array.isArray(hosts) && hosts.length > 0 ? hosts.map((host) => (typeof host === 'string' ? host : '*')) : ['*'];
}

function mayName(labels: ReadonlySet<string>, hosts: readonly string[]): boolean {
  return hosts.some((host) => host.startsWith('*') || labels.has(labelOf(host)));
}

function labelOf(host: string): string {
  return host.split('.', 1)[0]!.toLowerCase();
}

/** Every `host` inside: destinations and mirrors, wherever they stand. */
function* namedHosts(value: unknown): Iterable<string> {
  if (Array.isArray(value)) for (const element of value) yield* namedHosts(element);
  else if (isPlainObject(value)) {
    for (const [key, field] of Object.entries(value)) {
      if (key === 'host' && typeof field === 'string') yield field;
      else yield* namedHosts(field);
    }
  }
}
