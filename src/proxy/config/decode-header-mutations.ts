// Envoy's headers_to_add and headers_to_remove -> HeaderMutations. Used by routes, virtual hosts, tables, weighted clusters.
import type { HeaderValueOption } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { HeaderMutations, HeaderPair } from '#proxy/route/route';

export function decodeHeaderMutations(options: readonly HeaderValueOption[], remove: readonly string[]): HeaderMutations {
  const set: HeaderPair[] = [];
  const append: HeaderPair[] = [];
  const addIfAbsent: HeaderPair[] = [];
  for (const { header, append: legacyAppend, appendAction } of options) {
    if (header === undefined) continue;
    const pair = { name: header.key.toLowerCase(), value: header.value || header.rawValue.toString('utf8') };
    if (legacyAppend === false || appendAction === AppendAction.OVERWRITE_IF_EXISTS_OR_ADD) set.push(pair);
    else if (appendAction === AppendAction.ADD_IF_ABSENT) addIfAbsent.push(pair);
    else append.push(pair);
  }
  return { set, append, addIfAbsent, remove: remove.map((name) => name.toLowerCase()) };
}
