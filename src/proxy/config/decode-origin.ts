// Which resource a route or a filter chain came from, as its metadata says.
import type { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';

/** Lateen's control plane says which resource, rule, file and line; Istio's says which resource. */
export function originOf(metadata: Metadata | undefined): string | undefined {
  const fields = metadata?.filterMetadata;
  const lateen = fields?.['lateen'] as { resource?: string; file?: string; line?: number; rule?: string } | undefined;
  if (lateen?.resource) {
    const place = lateen.file ? ` (${lateen.file}${lateen.line ? `:${lateen.line}` : ''})` : '';
    return `${lateen.resource}${lateen.rule ? ` ${lateen.rule}` : ''}${place}`;
  }
  return (fields?.['istio'] as { config?: string } | undefined)?.config;
}
