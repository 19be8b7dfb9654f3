// OpenAPI documents from the schemas of the kinds: version 3, a document for each group and version, and version 2 in one. kubectl asks
// them which parameters a write takes, and explains fields by them. Pure.
import { createHash } from 'node:crypto';
import { structuralSchema } from '#api/custom-resource-definition';
import { apiVersionOf, type Kind } from '#api/kind';
import { groupPath } from '#store/rest-path';

type Node = Record<string, unknown>;

/** `/openapi/v3`: where the document of each group and version is. */
export function openApiIndex(kinds: readonly Kind[]): Node {
  const paths = [...new Set(kinds.flatMap((kind) => kind.versions.map((version) => groupPath(kind, version).slice(1))))];
  const link = (path: string) => ({ serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(kinds, path)}` });
  return { paths: Object.fromEntries(paths.map((path) => [path, link(path)])) };
}

/** `/openapi/v3/apis/<group>/<version>`; undefined where nothing is served there. */
export function openApiV3(kinds: readonly Kind[], path: string): Node | undefined {
  const served = servedAt(kinds, path);
  if (served.length === 0) return undefined;
  const schemas = Object.fromEntries(
    served.map(({ kind, version }) => [schemaName(kind, version), schemaOf(kind, version, '#/components/schemas/')]),
  );
  return {
    openapi: '3.0.0',
    info: { title: 'Lateen', version: 'v1' },
    paths: Object.fromEntries(served.flatMap(({ kind, version }) => pathsOf(kind, version, v3Parameter))),
    components: { schemas: { ...schemas, [objectMetaName]: objectMeta } },
  };
}

/** `/openapi/v2` */
export function openApiV2(kinds: readonly Kind[]): Node {
  const served = kinds.flatMap((kind) => kind.versions.map((version) => ({ kind, version })));
  return {
    swagger: '2.0',
    info: { title: 'Lateen', version: 'v1' },
    paths: Object.fromEntries(served.flatMap(({ kind, version }) => pathsOf(kind, version, v2Parameter))),
    definitions: {
      ...Object.fromEntries(served.map(({ kind, version }) => [schemaName(kind, version), schemaOf(kind, version, '#/definitions/')])),
      [objectMetaName]: objectMeta,
    },
  };
}

const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

const texts = { type: 'object', additionalProperties: { type: 'string' } };
const objectMeta: Node = {
  description: 'What every object has: its name, its labels, who owns it.',
  type: 'object',
  properties: {
    ...Object.fromEntries(
      ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'creationTimestamp', 'deletionTimestamp', 'selfLink'].map((name) => [
        name,
        { type: 'string' },
      ]),
    ),
    generation: { type: 'integer', format: 'int64' },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64' },
    labels: texts,
    annotations: texts,
    finalizers: { type: 'array', items: { type: 'string' } },
    ownerReferences: { type: 'array', items: { type: 'object' } },
    managedFields: { type: 'array', items: { type: 'object' } },
  },
};

function servedAt(kinds: readonly Kind[], path: string): { kind: Kind; version: string }[] {
  return kinds.flatMap((kind) =>
    kind.versions.filter((version) => groupPath(kind, version) === `/${path}`).map((version) => ({ kind, version })),
  );
}

/** `io.istio.networking.v1.VirtualService`, `io.k8s.api.core.v1.Pod` */
function schemaName({ group, kind }: Kind, version: string): string {
  const reversed = group.includes('.') ? group.split('.').reverse().join('.') : `io.k8s.api.${group === '' ? 'core' : group}`;
  return `${reversed}.${version}.${kind}`;
}

function schemaOf(kind: Kind, version: string, references: string): Node {
  const {
    properties = {},
    required = [],
    description,
  } = structuralSchema(kind.schema) as { properties?: Node; required?: string[]; description?: string };
  return {
    ...(description !== undefined && { description }),
    type: 'object',
    properties: {
      ...properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { description: 'Name, labels and the like.', allOf: [{ $ref: `${references}${objectMetaName}` }] },
    },
    ...(required.length > 0 && { required: required.filter((name) => !['apiVersion', 'kind', 'metadata'].includes(name)) }),
    'x-kubernetes-group-version-kind': [groupVersionKind(kind, version)],
  };
}

const groupVersionKind = ({ group, kind }: Kind, version: string) => ({ group, version, kind });

const v3Parameter = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
const v2Parameter = (name: string) => ({ name, in: 'query', type: 'string', uniqueItems: true });

/** As much of a path as kubectl reads: which kind a write is of, and which parameters it takes. */
function pathsOf(kind: Kind, version: string, parameter: (name: string) => Node): [string, Node][] {
  const collection = `${groupPath(kind, version)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
  const operation = (action: string) => ({
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(kind, version),
    parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter),
    responses: { '200': { description: 'OK' } },
  });
  return [
    [collection, { get: operation('list'), post: operation('post') }],
    [`${collection}/{name}`, { get: operation('get'), put: operation('put'), patch: operation('patch'), delete: operation('delete') }],
  ];
}

/** Changes when the document does, so that clients may keep it. */
function hashOf(kinds: readonly Kind[], path: string): string {
  const served = servedAt(kinds, path).map(({ kind }) => [apiVersionOf(kind), kind.kind, kind.schema]);
  return createHash('sha256').update(JSON.stringify(served)).digest('hex').slice(0, 32).toUpperCase();
}
