// How values are checked against Envoy's messages: slow to load, so only where there is an EnvoyFilter. Called by who analyzes.
import type { JsonValue } from '@bufbuild/protobuf';
import type { ApiObject } from '#api/kind';
import { envoyFilterKind } from '#api/kinds/envoy-filter';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { EnvoyProblem } from './resources.ts';

/** Undefined where there is nothing to check, or nothing to check it with. */
export async function envoyProblemFor(
  objects: readonly ApiObject[],
  canonicalJson: (() => Promise<CanonicalJson>) | undefined,
): Promise<EnvoyProblem | undefined> {
  if (!canonicalJson || !objects.some(({ kind }) => kind === envoyFilterKind.kind)) return undefined;
  const json = await canonicalJson();
  return (messageName, value) => json.problemOf(messageName, value as JsonValue);
}
