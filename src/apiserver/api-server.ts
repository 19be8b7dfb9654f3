// Kubernetes' REST API over a Store: HTTPS for who has a token; plain HTTP, whose every caller is an administrator, only where that is
// asked for. Reads bodies, finds the user and the kind, turns errors into Status and advice into warnings.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Examine } from '#api/examine';
import type { Kind } from '#api/kind';
import { KindCatalog } from '#api/kind-catalog';
import { parseYaml } from '#codec/yaml/documents';
import type { Clock } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { formatProblem, type Problem } from '#foundation/problem';
import { type Random, systemRandom } from '#foundation/random';
import type { ServiceAccountName } from '#identity/service-account-token';
import { listenFailure } from '#net/port-owner';
import { ensureNamespaces } from '#store/namespaces';
import { failure, statusOf } from '#store/status';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { reviewKinds } from './access-review.ts';
import { WebhookAdmission } from './admission/admission.ts';
import { Authorizer } from './authorizer.ts';
import type { Credentials } from './credentials.ts';
import { CustomKinds } from './custom-kinds.ts';
import { Discovery } from './discovery.ts';
import { DualListener, isSecure } from './dual-listener.ts';
import { type Advise, ObjectHandlers } from './object-handlers.ts';
import { OpenApiDocuments } from './openapi/documents.ts';
import { openApiV2ProtobufType, wantsProtobuf } from './openapi/v2-protobuf.ts';
import type { PodAccess } from './pod-access.ts';
import { decodeProtobuf, protobufType } from './protobuf-body.ts';
import { serviceAccountUser } from './rbac.ts';
import { type Query, verbOf } from './request.ts';
import { parseResourcePath, type ResourcePath } from './resource-path.ts';
import { patchTypes, ResourceRoutes } from './resource-routes.ts';
import type { IssueToken } from './token-request.ts';
import { UpgradeRoutes } from './upgrade-routes.ts';
import { bearerToken, localUser, TokenUsers, type User } from './user.ts';

export interface ApiServerOptions {
  store: Store;
  clock: Clock;
  logger: Logger;
  /** Ours, for `/version`. */
  version: string;
  /** Its warnings go out with the answer to a write. */
  advise?: Advise;
  examine?: Examine;
  /** What is served; without it, the kinds that need no definition. */
  catalog?: KindCatalog;
  /** For names that clients leave to us. */
  random?: Random;
  /** Without them, plain HTTP alone. */
  credentials?: Credentials;
  /** Plain HTTP beside HTTPS, on the same port: for who comes from this machine, without a token. */
  plainHttp?: boolean;
  /** To the logs of pods, and into them. */
  pods?: PodAccess;
  /** Whose token it is; undefined: nobody's. */
  serviceAccountOf?: (token: string) => ServiceAccountName | undefined;
  /** For `kubectl create token`. */
  issueToken?: IssueToken;
}

const bodyBytesMax = 3 * 1024 * 1024;
const unknownFormat =
  'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf';
const warningsMax = 20;
const warningLengthMax = 1000;
/** Kubernetes' version whose API this is. */
const kubernetesVersion = { major: '1', minor: '30' };
/** Of no meaning here; clients of other languages want each of them to be there. */
const builtBy = {
  ...{ gitCommit: '', gitTreeState: 'archive', buildDate: '1970-01-01T00:00:00Z' },
  ...{ goVersion: process.version, compiler: 'node', platform: 'linux/amd64' },
};
const aggregatedType = /application\/json;g=apidiscovery\.k8s\.io;v=(v2(?:beta1)?);as=APIGroupDiscoveryList/;
const localHosts = /^(127(\.\d+){3}|localhost|\[::1\])(:\d+)?$/;

export class ApiServer {
  private readonly app: FastifyInstance;
  private readonly listener: DualListener;
  private readonly routes: ResourceRoutes;
  private readonly catalog: KindCatalog;
  private readonly customKinds: CustomKinds;
  private readonly users: TokenUsers | undefined;
  private readonly authorizer: Authorizer;
  private readonly servesPlain: boolean;

  constructor(private readonly options: ApiServerOptions) {
    const { store, clock, credentials, pods, random = systemRandom, advise = () => [], examine = () => undefined } = options;
    this.catalog = options.catalog ?? new KindCatalog();
    this.customKinds = new CustomKinds({ store, catalog: this.catalog, clock });
    this.authorizer = new Authorizer(store);
    this.users = credentials && new TokenUsers(credentials.tokens);
    this.servesPlain = credentials === undefined || options.plainHttp === true;
    const namespacedKinds = () => this.catalog.kinds.filter(({ namespaced }) => namespaced);
    const handlers = new ObjectHandlers({
      ...{ store, clock, random, advise, examine, namespacedKinds },
      admission: new WebhookAdmission({ store, random }),
    });
    this.routes = new ResourceRoutes({ store, clock, handlers, pods, authorizer: this.authorizer, issueToken: options.issueToken });
    const handler = (request: IncomingMessage, response: ServerResponse) => {
      // kubectl up to 1.20 leaves it out, and Kubernetes takes it for this.
      request.headers['content-type'] ??= 'application/json';
      this.app.routing(request, response);
    };
    this.listener = new DualListener({ handler, tls: credentials });
    // Clients of other languages write /version/ and /apis/.
    const routerOptions = { ignoreTrailingSlash: true };
    this.app = fastify({ bodyLimit: bodyBytesMax, logger: false, routerOptions, serverFactory: () => this.listener.plain });
    const upgrades = new UpgradeRoutes({
      pods,
      authorize: async (request, access) => this.authorizer.authorize(this.userOf(request), access),
    });
    this.listener.onUpgrade((request, socket, head) => upgrades.handle(request, socket, head));
    this.acceptBodies();
    this.answerErrors();
    this.routeDiscovery();
    for (const url of ['/api/*', '/apis/*']) {
      this.app.route({ method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], url, handler: (request, reply) => this.answer(request, reply) });
    }
  }

  /** Makes the permanent namespaces, then listens. Port 0 takes a free one. Throws MeshError ADDRESS_IN_USE or LISTEN_FAILED. */
  async listen(address: { host: string; port: number }): Promise<{ url: string; port: number }> {
    await ensureNamespaces(this.options.store);
    await this.customKinds.start();
    await this.app.ready();
    try {
      const { port } = await this.listener.listen(address);
      return { url: `${this.servesPlain ? 'http' : 'https'}://${address.host}:${port}`, port };
    } catch (error) {
      throw await listenFailure('the API server', address, error);
    }
  }

  /** Ends the watches too. */
  async close(): Promise<void> {
    this.customKinds.stop();
    await this.listener.close();
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
    this.app.addContentTypeParser(protobufType, { parseAs: 'buffer' }, (request, bytes, done) => {
      const path = parseResourcePath(request.url.split('?', 1)[0] ?? '');
      // That it is not there is said of what is not served, and not what its body is.
      if (path === undefined || this.kindAt(path) === undefined) return done(null, undefined);
      try {
        done(null, decodeProtobuf(bytes as Buffer));
      } catch (error) {
        done(error as Error);
      }
    });
    this.app.addContentTypeParser(['application/apply-patch+yaml', 'application/yaml'], { parseAs: 'string' }, (_, text, done) => {
      const [document] = parseYaml(String(text));
      const [problem] = document?.problems ?? [];
      if (problem) done(new StoreError('BAD_REQUEST', `line ${problem.line}, column ${problem.column}: ${problem.message}`));
      else done(null, document?.value);
    });
  }

  private answerErrors(): void {
    this.app.setNotFoundHandler((_, reply) => {
      reply.code(404).send(failure(404, 'NotFound', 'the server could not find the requested resource'));
    });
    this.app.setErrorHandler((error: FastifyError | StoreError, request, reply) => {
      if (error instanceof StoreError) {
        const status = statusOf(error);
        reply.code(status.code).send(status);
        return;
      }
      const code = error.statusCode ?? 500;
      if (code >= 500) this.options.logger.error({ method: request.method, url: request.url, error: error.message }, 'a request failed');
      if (code === 413) {
        reply.code(code).send(failure(code, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyBytesMax}`));
        return;
      }
      if (code === 415) {
        reply.code(code).send(failure(code, 'UnsupportedMediaType', unknownFormat));
        return;
      }
      const reason = code < 500 ? 'BadRequest' : 'InternalError';
      reply.code(code).send(failure(code, reason, error.message));
    });
  }

  private routeDiscovery(): void {
    const { app, catalog } = this;
    for (const path of ['/healthz', '/readyz', '/livez']) app.get(path, (_, reply) => reply.type('text/plain').send('ok'));
    const gitVersion = `v${kubernetesVersion.major}.${kubernetesVersion.minor}.0+lateen-${this.options.version}`;
    app.get('/version', () => ({ ...kubernetesVersion, gitVersion, ...builtBy }));
    const ofAll = (core: boolean) => (request: FastifyRequest, reply: FastifyReply) => {
      const discovery = new Discovery(catalog.kinds);
      const [type, version] = aggregatedType.exec(request.headers.accept ?? '') ?? [];
      if (type === undefined) return core ? discovery.coreVersions() : discovery.groupList();
      return reply.type(type).send(JSON.stringify(discovery.aggregated(core, `apidiscovery.k8s.io/${version}`)));
    };
    app.get('/api', ofAll(true));
    app.get('/apis', ofAll(false));
    const found = (reply: FastifyReply, document: object | undefined) => document ?? reply.callNotFound();
    app.get<{ Params: { group: string } }>('/apis/:group', ({ params }, reply) =>
      found(reply, new Discovery(catalog.kinds).group(params.group)),
    );
    this.routeOpenApi();
    app.addHook('onRequest', async (request) => void this.userOf(request.raw));
  }

  private routeOpenApi(): void {
    const { app } = this;
    const documents = new OpenApiDocuments(this.catalog);
    const asJson = (reply: FastifyReply, bytes: Buffer | undefined) =>
      bytes ? reply.type('application/json').send(bytes) : reply.callNotFound();
    app.get('/openapi/v2', ({ headers }, reply) =>
      wantsProtobuf(headers.accept) ? reply.type(openApiV2ProtobufType).send(documents.v2Protobuf()) : asJson(reply, documents.v2()),
    );
    app.get('/openapi/v3', (_, reply) => asJson(reply, documents.index()));
    app.get<{ Params: { '*': string } }>('/openapi/v3/*', ({ params }, reply) => asJson(reply, documents.v3(params['*'])));
  }

  private async answer(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const path = parseResourcePath(request.url.split('?', 1)[0] ?? '');
    if (!path) return reply.callNotFound();
    if (path.plural === undefined) {
      return new Discovery(this.catalog.kinds).resourceList(path.group, path.version) ?? reply.callNotFound();
    }
    const kind = this.kindAt(path);
    if (!kind) return reply.callNotFound();
    const query = request.query as Query;
    const user = this.userOf(request.raw);
    const { group, plural, subresource, namespace, name } = path;
    await this.authorizer.authorize(user, {
      verb: verbOf(request.method, path, query),
      group,
      resource: plural,
      subresource,
      namespace,
      name,
    });
    const { headers, method, body } = request;
    const [contentType = ''] = (headers['content-type'] ?? '').split(';');
    const answer = await this.routes.answer(
      { method, path, kind, query, body, contentType, accept: headers.accept, client: headers['user-agent']?.split(/[/ ]/, 1)[0], user },
      () => {
        reply.hijack();
        return reply.raw;
      },
    );
    if (answer === 'streaming') return reply;
    if (!answer) {
      return reply.code(405).send(failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'));
    }
    if (answer.warnings?.length) reply.header('warning', answer.warnings.slice(0, warningsMax).map(warningText));
    return reply.code(answer.code).send(answer.body);
  }

  private kindAt(path: ResourcePath): Kind | undefined {
    const { group, version, plural = '' } = path;
    return this.catalog.kindAt(group, version, plural) ?? reviewKinds.find((each) => isAt(each, path));
  }

  /** A service account. */
  private accountOf(token: string): User | undefined {
    const account = this.options.serviceAccountOf?.(token);
    return account && serviceAccountUser(account.namespace, account.serviceAccount);
  }

  /** Throws StoreError UNAUTHORIZED; over plain HTTP BAD_REQUEST where there is none, and FORBIDDEN to a page of the web that was led here by its own name (DNS rebinding). */
  private userOf(request: IncomingMessage): User {
    if (isSecure(request)) {
      const token = bearerToken(request.headers.authorization);
      const user = token === undefined ? undefined : (this.users?.find(token) ?? this.accountOf(token));
      if (user) return user;
      throw new StoreError('UNAUTHORIZED', 'Unauthorized', {
        hint: 'the token is missing or wrong: use the kubeconfig of "lateen kubeconfig"',
      });
    }
    if (!this.servesPlain) {
      throw new StoreError('BAD_REQUEST', 'a request in plain HTTP was sent to a server of HTTPS', {
        hint: 'use https:// and the kubeconfig of "lateen kubeconfig", or start the mesh with --insecure-api',
      });
    }
    if (localHosts.test(request.headers.host ?? '')) return localUser;
    throw new StoreError('FORBIDDEN', `plain HTTP is for this machine alone, not for "${request.headers.host ?? ''}"`);
  }
}

function isAt({ group, plural, versions }: { group: string; plural: string; versions: readonly string[] }, path: ResourcePath): boolean {
  return group === path.group && plural === path.plural && versions.includes(path.version);
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
