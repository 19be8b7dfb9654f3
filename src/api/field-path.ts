// How a field inside an object is named to people: `spec.http[0].headers["x.y"]`; and back to its segments.

export type PathSegment = string | number;

const plainKey = /^[A-Za-z_$][\w$-]*$/;

export function fieldPath(segments: readonly PathSegment[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else if (!plainKey.test(segment)) path += `[${JSON.stringify(segment)}]`;
    else path += path === '' ? segment : `.${segment}`;
  }
  return path;
}

const pathPart = /\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\.?([^.[\]]+)/gy;

/** The inverse of `fieldPath`. */
export function parseFieldPath(path: string): PathSegment[] {
  return [...path.matchAll(pathPart)].map(([, index, quoted, key]) =>
    index !== undefined ? Number(index) : quoted !== undefined ? (JSON.parse(quoted) as string) : (key ?? ''),
  );
}

/** The segments of a JSON pointer (RFC 6901) into `root`, whose arrays tell indices from keys that look like them. */
export function pointerSegments(root: unknown, pointer: string): PathSegment[] {
  let at = root;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
      const segment = Array.isArray(at) ? Number(key) : key;
      at = (at as Record<PathSegment, unknown> | undefined)?.[segment];
      return segment;
    });
}
