// What a path of Kubernetes' REST API names. Pure.

export interface ResourcePath {
  /** Empty for the core group. */
  group: string;
  version: string;
  /** Undefined: of the whole cluster. */
  namespace: string | undefined;
  /** Undefined: the path ends at the version, which is asked for its resources. */
  plural: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  /** Behind the subresource `proxy`, with its first slash: what the pod is asked for. */
  rest?: string;
}

/** Of `/api/v1/…` and `/apis/<group>/<version>/…`, without the query; undefined for what is neither. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const segments = decoded(path);
  if (!segments) return undefined;
  const [root, ...rest] = segments;
  const group = root === 'apis' ? rest.shift() : root === 'api' ? '' : undefined;
  const version = rest.shift();
  if (group === undefined || version === undefined) return undefined;
  const named = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = named ? rest.splice(0, 2)[1] : undefined;
  const [plural, name, subresource, ...more] = rest;
  if (subresource === 'proxy') return { group, version, namespace, plural, name, subresource, rest: `/${more.join('/')}` };
  return more.length > 0 ? undefined : ofNamespace({ group, version, namespace, plural, name, subresource });
}

/** `namespaces/shop/status` is the status of the namespace itself. */
function ofNamespace(path: ResourcePath): ResourcePath {
  const { group, namespace, plural, name } = path;
  const itself = group === '' && namespace !== undefined && name === undefined && (plural === 'status' || plural === 'finalize');
  return itself ? { ...path, namespace: undefined, plural: 'namespaces', name: namespace, subresource: plural } : path;
}

function decoded(path: string): string[] | undefined {
  try {
    return path
      .split('/')
      .filter((segment) => segment !== '')
      .map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
