// OpenAPI documents of the kinds that are served: version 3, a document for each group and version, and version 2 in one, as JSON and in
// gnostic's protobuf. kubectl asks them which parameters a write takes, explains fields and makes patches by them. Made when they are
// asked for, and kept as bytes until the kinds change.
import { createHash } from 'node:crypto';
import { apiVersionOf, type Kind } from '#api/kind';
import type { KindCatalog } from '#api/kind-catalog';
import { groupPath } from '#store/rest-path';
import {
  type Dialect,
  definitionName,
  definitionOf,
  groupVersionKind,
  type Node,
  objectMetaDefinition,
  objectMetaName,
} from './definition.ts';
import { type OpenApiV2, type Operation, openApiV2Protobuf } from './v2-protobuf.ts';

interface Served {
  kind: Kind;
  version: string;
}

export class OpenApiDocuments {
  private kept = new Map<string, Buffer>();
  private keptOf: readonly Kind[] | undefined;

  constructor(private readonly catalog: KindCatalog) {}

  /** `/openapi/v3`: where the document of each group and version is. JSON. */
  index(): Buffer {
    return this.bytes('v3', () => {
      const paths = [...new Set(this.served().map(pathOf))];
      const link = (path: string) => ({ serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(this.servedAt(path))}` });
      return json({ paths: Object.fromEntries(paths.map((path) => [path, link(path)])) });
    });
  }

  /** `/openapi/v3/apis/<group>/<version>`, JSON; undefined where nothing is served there. */
  v3(path: string): Buffer | undefined {
    const served = this.servedAt(path);
    return served.length === 0 ? undefined : this.bytes(`v3/${path}`, () => json(openApiV3(served)));
  }

  /** `/openapi/v2` in JSON. */
  v2(): Buffer {
    return this.bytes('v2', () => json(openApiV2(this.served())));
  }

  /** `/openapi/v2` in protobuf. */
  v2Protobuf(): Buffer {
    return this.bytes('v2 protobuf', () => Buffer.from(openApiV2Protobuf(openApiV2(this.served()))));
  }

  private bytes(name: string, make: () => Buffer): Buffer {
    const { customKinds } = this.catalog;
    if (this.keptOf !== customKinds) this.kept = new Map();
    this.keptOf = customKinds;
    let bytes = this.kept.get(name);
    if (!bytes) {
      bytes = make();
      this.kept.set(name, bytes);
    }
    return bytes;
  }

  private served(): Served[] {
    return this.catalog.kinds.flatMap((kind) => kind.versions.map((version) => ({ kind, version })));
  }

  private servedAt(path: string): Served[] {
    return this.served().filter((each) => pathOf(each) === path);
  }
}

const info = { title: 'Lateen', version: 'v1' };
const json = (document: object) => Buffer.from(JSON.stringify(document));
const pathOf = ({ kind, version }: Served) => groupPath(kind, version).slice(1);

function openApiV3(served: readonly Served[]): Node {
  return { openapi: '3.0.0', info, paths: pathsOf(served, v3Parameter), components: { schemas: definitionsOf(served, 'v3') } };
}

function openApiV2(served: readonly Served[]): OpenApiV2 {
  return { swagger: '2.0', info, paths: pathsOf(served, v2Parameter), definitions: definitionsOf(served, 'v2') };
}

function definitionsOf(served: readonly Served[], dialect: Dialect): Record<string, Node> {
  const definitions = served.map(({ kind, version }) => [definitionName(kind, version), definitionOf(kind, version, dialect)]);
  return { ...Object.fromEntries(definitions), [objectMetaName]: objectMetaDefinition(dialect) };
}

const v3Parameter = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
const v2Parameter = (name: string) => ({ name, in: 'query', type: 'string', uniqueItems: true });

/** As much of a path as kubectl reads: which kind a write is of, and which parameters it takes. */
function pathsOf(
  served: readonly Served[],
  parameter: (name: string) => Node & { name: string },
): Record<string, Record<string, Operation>> {
  const paths = served.flatMap(({ kind, version }) => {
    const collection = `${groupPath(kind, version)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}`;
    const operation = (action: string): Operation => ({
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': groupVersionKind(kind, version),
      parameters: ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter),
      responses: { '200': { description: 'OK' } },
    });
    const object = { get: operation('get'), put: operation('put'), patch: operation('patch'), delete: operation('delete') };
    return [
      [collection, { get: operation('list'), post: operation('post') }],
      [`${collection}/{name}`, object],
    ];
  });
  return Object.fromEntries(paths);
}

/** Changes when the document does, so that clients may keep it. */
function hashOf(served: readonly Served[]): string {
  const said = served.map(({ kind }) => [apiVersionOf(kind), kind.kind, kind.validated ?? kind.schema]);
  return createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 32).toUpperCase();
}
