// Strategic merge patches, as kubectl sends them for Kubernetes' own kinds: a merge patch (RFC 7396) that knows which elements of a list
// are the same. Pure.
import { isPlainObject } from '#api/json';
import type { Kind } from '#api/kind';
import { StoreError } from '#store/store-error';
import { listTypeOf } from './list-types.ts';

type Json = unknown;
type Node = Record<string, Json>;

const deletePrimitives = '$deleteFromPrimitiveList/';
const elementOrder = '$setElementOrder/';

/** A new value; `target` stays as it is. Throws StoreError BAD_REQUEST where a directive makes no sense. */
export function strategicMerge(kind: Kind, target: Json, patch: Json): Json {
  return merged(kind, target, patch, []);
}

function merged(kind: Kind, target: Json, patch: Json, path: readonly string[]): Json {
  if (Array.isArray(patch)) return mergedList(kind, Array.isArray(target) ? target : [], patch, path);
  if (!isPlainObject(patch)) return patch;
  const { $patch: directive, $retainKeys: retain, ...fields } = patch;
  if (directive === 'replace') return fields;
  if (directive === 'delete') return undefined;
  if (directive !== undefined && directive !== 'merge') throw bad(`unknown directive $patch: ${JSON.stringify(directive)}`);
  const result: Node = isPlainObject(target) ? { ...target } : {};
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(fields)) {
    if (key === '__proto__' || key.startsWith(elementOrder)) continue;
    if (key.startsWith(deletePrimitives)) removePrimitives(result, key.slice(deletePrimitives.length), value);
    else if (value === null) delete result[key];
    else {
      const next = merged(kind, result[key], value, [...path, key]);
      if (next === undefined) delete result[key];
      else result[key] = next;
    }
  }
  for (const [key, order] of Object.entries(fields)) {
    if (key.startsWith(elementOrder)) sortElements(kind, result, key.slice(elementOrder.length), order, path);
  }
  return result;
}

function mergedList(kind: Kind, target: readonly Json[], patch: readonly Json[], path: readonly string[]): Json[] {
  const type = listTypeOf(kind, path);
  if (type.kind === 'set') return [...new Set([...target, ...patch])];
  if (type.kind === 'atomic') return patch.map((element) => merged(kind, undefined, element, path));
  const [key = ''] = type.keys;
  const replaces = patch.some((element) => isPlainObject(element) && element['$patch'] === 'replace');
  const result = replaces ? [] : [...target];
  for (const element of patch) {
    if (!isPlainObject(element)) throw bad(`${path.join('.')}: an element must be an object with the field ${key}`);
    if (element['$patch'] === 'replace') continue;
    if (element[key] === undefined) throw bad(`${path.join('.')}: an element of the patch lacks ${key}, which says what it is merged with`);
    const index = result.findIndex((each) => isPlainObject(each) && each[key] === element[key]);
    const next = merged(kind, result[index], element, path);
    if (index < 0) {
      if (next !== undefined) result.push(next);
    } else result.splice(index, 1, ...(next === undefined ? [] : [next]));
  }
  return result;
}

function removePrimitives(result: Node, field: string, values: Json): void {
  const list = result[field];
  if (Array.isArray(list) && Array.isArray(values)) result[field] = list.filter((value) => !values.includes(value));
}

/** Those that the order does not name stay behind those that it does. */
function sortElements(kind: Kind, result: Node, field: string, order: Json, path: readonly string[]): void {
  const list = result[field];
  if (!Array.isArray(list) || !Array.isArray(order)) return;
  const type = listTypeOf(kind, [...path, field]);
  const identity = (element: Json) => (type.kind === 'map' && isPlainObject(element) ? element[type.keys[0] ?? ''] : element);
  const places = new Map(order.map((element, index) => [identity(element), index]));
  const place = (element: Json) => places.get(identity(element)) ?? order.length;
  result[field] = [...list].sort((a, b) => place(a) - place(b));
}

const bad = (message: string) => new StoreError('BAD_REQUEST', `strategic merge patch: ${message}`);
