// What commands print as YAML: apart from the other forms, since the library takes a while to load.
import { stringify } from 'yaml';

export function asYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
