// What people do not want to hear: by annotation on a resource, or by `CODE=Kind name.namespace` with `*` for anything.
import type { ApiObject } from '#api/kind';
import type { Finding } from './analyzer.ts';

const annotation = 'galley.istio.io/analyze-suppress';

/** The annotation has codes with commas between them, or `*`. */
export function isSuppressedByAnnotation({ code, object }: Finding): boolean {
  const value = object.metadata.annotations?.[annotation];
  if (value === undefined) return false;
  return value.split(',').some((each) => each.trim() === '*' || each.trim() === code);
}

/** `VirtualService reviews.default`, as messages call an object; cluster-scoped ones have no namespace. */
export function resourceLabel({ kind, metadata }: ApiObject): string {
  return `${kind} ${metadata.name}${metadata.namespace ? `.${metadata.namespace}` : ''}`;
}

/** Undefined where the text is no `CODE=Kind name.namespace`. */
export function parseSuppression(text: string): ((finding: Finding) => boolean) | undefined {
  const [, code, resource] = /^([A-Z]{3}\d{4})=(.+)$/.exec(text) ?? [];
  if (code === undefined || resource === undefined) return undefined;
  const literals = resource.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${literals.join('.*')}$`);
  return (finding) => finding.code === code && pattern.test(resourceLabel(finding.object));
}
