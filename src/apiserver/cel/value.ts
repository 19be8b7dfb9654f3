// What an expression sees of an object: JSON by its schema, since CEL tells integers from other numbers, and names that are words of the
// language are written otherwise. Pure. After Kubernetes' rules for custom resources.
import { isPlainObject } from '#api/json';

type Node = Record<string, unknown>;

const words = /^(true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while)$/;
const escapes: Readonly<Record<string, string>> = { __: '__underscores__', '.': '__dot__', '-': '__dash__', '/': '__slash__' };

/** `foo-bar` is `foo__dash__bar`. */
export const escapedName = (name: string): string =>
  words.test(name) ? `__${name}__` : name.replaceAll(/__|[./-]/g, (each) => escapes[each] ?? each);

/** Fields that no schema names keep their names, and their integers are integers. */
export function celValue(schema: Node, value: unknown): unknown {
  if (typeof value === 'number') return schema['type'] !== 'number' && Number.isInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string') return schema['format'] === 'date-time' ? new Date(value) : value;
  if (Array.isArray(value)) return value.map((each) => celValue(nodeOf(schema['items']), each));
  if (!isPlainObject(value)) return value;
  const properties = nodeOf(schema['properties']);
  const others = nodeOf(schema['additionalProperties']);
  const entries = Object.entries(value).map(([name, each]) => {
    const own = properties[name];
    return own === undefined ? [name, celValue(others, each)] : [escapedName(name), celValue(nodeOf(own), each)];
  });
  return Object.fromEntries(entries);
}

export const nodeOf = (value: unknown): Node => (isPlainObject(value) ? value : {});
