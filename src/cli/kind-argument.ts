// The word by which a person names a kind: `vs`, `virtualservices`, `virtualservice.networking.istio.io`.
import type { Kind } from '#api/kind';
import { nearest } from '#api/nearest';
import { kindNamed, kinds } from '#api/registry';
import { MeshError } from '#foundation/mesh-error';

/** Throws MeshError UNKNOWN_KIND, which suggests the nearest one or lists all. */
export function kindArgument(word: string): Kind {
  const kind = kindNamed(word);
  if (kind) return kind;
  const names = kinds.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]);
  const near = nearest(word, names);
  const all = kinds.map(({ plural, shortNames }) => [plural, ...shortNames].join('|')).join(', ');
  throw new MeshError('UNKNOWN_KIND', `there is no kind "${word}"`, { hint: near ? `did you mean "${near}"?` : `kinds: ${all}` });
}
