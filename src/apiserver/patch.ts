// Changes to an object as Kubernetes' clients send them. Pure: each gives a new value.
import { StoreError } from '#store/store-error';

type Json = unknown;

/** RFC 7396. Strategic merge patches are taken for these: none of our kinds merges lists. */
export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: Record<string, Json> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else if (key !== '__proto__') result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Kubernetes'. */
const operationsMax = 10_000;

/** RFC 6902: add, remove, replace, test, move, copy. All or nothing. */
export function jsonPatch(target: Json, operations: Json): Json {
  if (!Array.isArray(operations)) {
    const given = operations === null ? 'null' : typeof operations;
    throw new StoreError('BAD_REQUEST', `json: cannot unmarshal ${given} into Go value of type jsonpatch.Patch`);
  }
  if (operations.length > operationsMax) {
    throw new StoreError('BAD_REQUEST', `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${operations.length}`);
  }
  let result: Json = structuredClone(target);
  for (const [index, operation] of operations.entries()) {
    if (!isObject(operation)) throw bad(`operation ${index} is no object`);
    result = applyOperation(result, operation, index);
  }
  return result;
}

function applyOperation(root: Json, operation: Record<string, Json>, index: number): Json {
  const { op } = operation;
  const path = pointer(operation['path'], index);
  switch (op) {
    case 'test':
      if (JSON.stringify(valueAt(root, path, index)) !== JSON.stringify(operation['value']))
        throw bad(`operation ${index}: the test failed`);
      return root;
    case 'add':
    case 'replace':
      if (op === 'replace') valueAt(root, path, index);
      return put(root, path, operation['value'], op === 'add', index);
    case 'remove':
      return take(root, path, index);
    case 'move':
    case 'copy': {
      const from = pointer(operation['from'], index);
      const value = structuredClone(valueAt(root, from, index));
      return put(op === 'move' ? take(root, from, index) : root, path, value, true, index);
    }
    default:
      throw bad(`operation ${index}: unknown op ${JSON.stringify(op)}`);
  }
}

function pointer(path: Json, index: number): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw bad(`operation ${index}: ${JSON.stringify(path)} is no JSON pointer`);
  const parts = path.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(root: Json, path: readonly string[], index: number): Json {
  let at = root;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key))
      throw bad(`operation ${index}: there is nothing at /${path.join('/')}`);
    at = (at as Record<string, Json>)[key];
  }
  return at;
}

function put(root: Json, path: readonly string[], value: Json, insert: boolean, index: number): Json {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = valueAt(root, path.slice(0, -1), index);
  if (Array.isArray(parent)) parent.splice(position(parent, key, index), insert ? 0 : 1, value);
  else if (isObject(parent) && key !== '__proto__') parent[key] = value;
  else throw bad(`operation ${index}: there is nothing at /${path.slice(0, -1).join('/')}`);
  return root;
}

function take(root: Json, path: readonly string[], index: number): Json {
  valueAt(root, path, index);
  const key = path.at(-1);
  const parent = valueAt(root, path.slice(0, -1), index);
  if (key === undefined) throw bad(`operation ${index}: the whole object cannot be removed`);
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete (parent as Record<string, Json>)[key];
  return root;
}

function position(list: readonly Json[], key: string, index: number): number {
  if (key === '-') return list.length;
  const at = Number(key);
  if (!/^\d+$/.test(key) || at > list.length) throw bad(`operation ${index}: there is no element ${key}`);
  return at;
}

const isObject = (value: Json): value is Record<string, Json> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Kubernetes says no more than the first half. */
const bad = (message: string) => new StoreError('INVALID', `the server rejected our request due to an error in our request: ${message}`);
