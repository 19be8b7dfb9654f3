// Kubernetes' REST API over a Store: fastify routes for every kind and version, errors as Status, advice as warnings.
import type { AddressInfo } from 'node:net';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type ApiObject, apiVersionOf, type Kind } from '#api/kind';
import { kinds } from '#api/registry';
import { parseYaml } from '#codec/yaml/documents';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { formatProblem, type Problem } from '#foundation/problem';
import { listenFailure } from '#net/port-owner';
import { ensureNamespaces } from '#store/namespaces';
import { groupPath } from '#store/rest-path';
import { failure, statusOf } from '#store/status';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { coreVersions, group, groupList, resourceList } from './discovery.ts';
import { type Advise, ObjectHandlers, type PatchType, type Target, type Written } from './object-handlers.ts';
import { labelsOf, nameOf, type Query } from './selection.ts';
import { writeWatch } from './watch-response.ts';

export interface ApiServerOptions {
  store: Store;
  clock: Clock;
  logger: Logger;
  /** Ours, for `/version`. */
  version: string;
  /** Its warnings go out with the answer to a write. */
  advise?: Advise;
}

const bodyBytesMax = 3 * 1024 * 1024;
const warningsMax = 20;
const warningLengthMax = 1000;

interface Route {
  Params: { namespace?: string; name: string };
  Querystring: Query;
}

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'apply',
};

export class ApiServer {
  private readonly app: FastifyInstance;
  private readonly handlers: ObjectHandlers;

  constructor(private readonly options: ApiServerOptions) {
    this.handlers = new ObjectHandlers(options.store, options.advise ?? (() => []));
    this.app = fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: true, logger: false });
    this.acceptBodies();
    this.answerErrors();
    this.routeDiscovery();
    for (const kind of kinds) for (const version of kind.versions) this.routeKind(kind, version);
  }

  /** Makes the permanent namespaces, then listens. Port 0 takes a free one. Throws MeshError ADDRESS_IN_USE or LISTEN_FAILED. */
  async listen(address: { host: string; port: number }): Promise<{ url: string; port: number }> {
    await ensureNamespaces(this.options.store);
    try {
      await this.app.listen(address);
    } catch (error) {
      throw await listenFailure('the API server', address, error);
    }
    const { port } = this.app.server.address() as AddressInfo;
    return { url: `http://${address.host}:${port}`, port };
  }

  /** Ends the watches too. */
  async close(): Promise<void> {
    await this.app.close();
  }

  private acceptBodies(): void {
    const json = this.app.getDefaultJsonParser('error', 'error');
    const types = ['application/json', ...Object.keys(patchTypes).filter((type) => type.endsWith('+json'))];
    this.app.removeAllContentTypeParsers();
    this.app.addContentTypeParser(types, { parseAs: 'string' }, (request, text, done) => {
      // Some clients name a type and then send nothing, as with DELETE.
      if (text === '') done(null, undefined);
      else json(request, text as string, done);
    });
    this.app.addContentTypeParser(['application/apply-patch+yaml', 'application/yaml'], { parseAs: 'string' }, (_, text, done) => {
      const [document] = parseYaml(String(text));
      const [problem] = document?.problems ?? [];
      if (problem) done(new StoreError('INVALID', `line ${problem.line}, column ${problem.column}: ${problem.message}`));
      else done(null, document?.value);
    });
  }

  private answerErrors(): void {
    this.app.setNotFoundHandler((request, reply) => {
      reply.code(404).send(failure(404, 'NotFound', `the server has nothing at ${request.method} ${request.url.slice(0, 200)}`));
    });
    this.app.setErrorHandler((error: FastifyError | StoreError, request, reply) => {
      if (error instanceof StoreError) {
        const status = statusOf(error);
        reply.code(status.code).send(status);
        return;
      }
      const code = error.statusCode ?? 500;
      if (code >= 500) this.options.logger.error({ method: request.method, url: request.url, error: error.message }, 'a request failed');
      const reason =
        code === 413 ? 'RequestEntityTooLarge' : code === 415 ? 'UnsupportedMediaType' : code < 500 ? 'BadRequest' : 'InternalError';
      reply.code(code).send(failure(code, reason, error.message));
    });
  }

  private routeDiscovery(): void {
    const { app } = this;
    for (const path of ['/healthz', '/readyz', '/livez']) app.get(path, (_, reply) => reply.type('text/plain').send('ok'));
    app.get('/version', () => ({ major: '1', minor: '30', gitVersion: `v1.30.0+lateen-${this.options.version}`, platform: 'lateen' }));
    app.get('/api', () => coreVersions);
    app.get('/apis', () => groupList());
    const found = (reply: FastifyReply, document: object | undefined) => document ?? reply.callNotFound();
    app.get<{ Params: { version: string } }>('/api/:version', ({ params }, reply) => found(reply, resourceList('', params.version)));
    app.get<{ Params: { group: string } }>('/apis/:group', ({ params }, reply) => found(reply, group(params.group)));
    app.get<{ Params: { group: string; version: string } }>('/apis/:group/:version', ({ params }, reply) =>
      found(reply, resourceList(params.group, params.version)),
    );
  }

  private routeKind(kind: Kind, version: string): void {
    const { app, handlers } = this;
    const base = groupPath(kind, version);
    const collection = kind.namespaced ? `${base}/namespaces/:namespace/${kind.plural}` : `${base}/${kind.plural}`;
    const one = `${collection}/:name`;
    const target = ({ params }: FastifyRequest<Route>): Target => {
      return { kind, version, namespace: kind.namespaced ? (params.namespace ?? '') : '', name: params.name };
    };
    const inVersion = (object: ApiObject) => ({ ...object, apiVersion: apiVersionOf(kind, version) });
    const answer = (reply: FastifyReply, { object, created, warnings }: Written) => {
      if (warnings.length > 0) reply.header('warning', warnings.slice(0, warningsMax).map(warningText));
      return reply.code(created ? 201 : 200).send(inVersion(object));
    };
    if (kind.namespaced) app.get<Route>(`${base}/${kind.plural}`, (request, reply) => this.list(kind, version, request, reply));
    app.get<Route>(collection, (request, reply) => this.list(kind, version, request, reply));
    app.post<Route>(collection, async (request, reply) =>
      answer(reply, await handlers.create(target(request), request.body, request.query)),
    );
    app.get<Route>(one, async (request) => inVersion(await handlers.get(target(request))));
    app.put<Route>(one, async (request, reply) => answer(reply, await handlers.update(target(request), request.body, request.query)));
    app.delete<Route>(one, async (request) => inVersion(await handlers.delete(target(request), request.query)));
    app.get<Route>(`${one}/status`, async (request) => inVersion(await handlers.get(target(request))));
    app.put<Route>(`${one}/status`, async (request, reply) => {
      return answer(reply, await handlers.updateStatus(target(request), request.body, request.query));
    });
    for (const subresource of [undefined, 'status'] as const) {
      app.patch<Route>(subresource ? `${one}/${subresource}` : one, async (request, reply) => {
        const written = await handlers.patch(target(request), patchTypeOf(request), request.body, request.query, subresource);
        return answer(reply, written);
      });
    }
  }

  private async list(kind: Kind, version: string, request: FastifyRequest<Route>, reply: FastifyReply): Promise<unknown> {
    const { query, params } = request;
    const { store, clock } = this.options;
    const labels = labelsOf(query);
    const name = nameOf(query);
    const options = { ...(params.namespace !== undefined && { namespace: params.namespace }), ...(labels && { labels }) };
    if (query.watch === '1' || query.watch === 'true') {
      const timeoutMs = query.timeoutSeconds === undefined ? undefined : Number(query.timeoutSeconds) * 1000;
      const resourceVersion = query.resourceVersion === '0' ? undefined : query.resourceVersion || undefined;
      reply.hijack();
      await writeWatch(store, clock, { kind, version, options, name, resourceVersion, timeoutMs }, reply.raw);
      return reply;
    }
    const { items, resourceVersion } = await store.list(kind, options);
    const selected = name === undefined ? items : items.filter((object) => object.metadata.name === name);
    const apiVersion = apiVersionOf(kind, version);
    return {
      apiVersion,
      kind: `${kind.kind}List`,
      metadata: { resourceVersion },
      items: selected.map((object) => ({ ...object, apiVersion })),
    };
  }
}

function patchTypeOf(request: FastifyRequest): PatchType {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  const known = patchTypes[type.trim()];
  if (!known) throw new StoreError('INVALID', `"${type}" is no kind of patch: use ${Object.keys(patchTypes).join(', ')}`);
  return known;
}

/** RFC 7234, section 5.5; a header takes printable ASCII only. */
function warningText(problem: Problem): string {
  const whole = formatProblem(problem)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[^ -~]/g, '?');
  // Between two words, unless a single word is most of it.
  const blank = whole.lastIndexOf(' ', warningLengthMax - 4);
  const cut = blank > warningLengthMax / 2 ? `${whole.slice(0, blank)} ...` : whole.slice(0, warningLengthMax);
  const text = whole.length <= warningLengthMax ? whole : cut;
  return `299 - "${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
