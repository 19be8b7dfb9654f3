// Every request for objects: reads what it is about, whether the user may, and answers it in the form that is accepted. No HTTP but for
// watches, which write to the response as long as they last.
import type { ServerResponse } from 'node:http';
import { apiVersionOf } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import type { Clock } from '#foundation/clock';
import type { Problem } from '#foundation/problem';
import type { ListOptions, Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { answerReview, reviewKinds } from './access-review.ts';
import type { Authorizer } from './authorizer.ts';
import { scalable } from './discovery.ts';
import { checkFieldSelector } from './field-labels.ts';
import type { ObjectHandlers, PatchType, Written } from './object-handlers.ts';
import { pageOf } from './pages.ts';
import { jsonPatch, mergePatch } from './patch.ts';
import type { PodAccess } from './pod-access.ts';
import { type LogQuery, writeLog } from './pod-logs.ts';
import { podAndPort, proxyToPod } from './pod-proxy.ts';
import { formOf, type Included, Presentation } from './presentation.ts';
import { type ApiRequest, isTrue, numberOf, type Target } from './request.ts';
import { scaled, scaleOf } from './scale.ts';
import { answerTokenRequest, type IssueToken } from './token-request.ts';
import { writeWatch } from './watch-response.ts';

export interface Answer {
  code: number;
  body: object;
  warnings?: readonly Problem[];
}

export const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/json-patch+json': 'json',
  'application/apply-patch+yaml': 'apply',
};

export class ResourceRoutes {
  constructor(
    private readonly options: {
      store: Store;
      clock: Clock;
      handlers: ObjectHandlers;
      pods: PodAccess | undefined;
      authorizer: Authorizer;
      issueToken: IssueToken | undefined;
    },
  ) {}

  /** Undefined: the method makes no sense there. `response` is for watches, which end it themselves. */
  async answer(request: ApiRequest, response: () => ServerResponse): Promise<Answer | 'streaming' | undefined> {
    const { kind, path, method, user, body } = request;
    if (reviewKinds.includes(kind))
      return method === 'POST' ? { code: 201, body: await answerReview(kind, body, user, this.options.authorizer) } : undefined;
    if (kind.namespaced && path.namespace === undefined && (method !== 'GET' || path.name !== undefined)) return undefined;
    if (path.name === undefined) return this.answerCollection(request, response);
    if (path.subresource === undefined) return this.answerObject(request, path.name);
    if (path.subresource === 'status') return this.answerStatus(request, path.name);
    if (path.subresource === 'log' && kind.kind === 'Pod' && method === 'GET') return this.log(request, path.name, response);
    if (path.subresource === 'proxy' && kind.kind === 'Pod') return this.proxy(request, path.name, response);
    if (path.subresource === 'scale' && scalable.includes(kind.kind)) return this.answerScale(request, path.name);
    if (path.subresource === 'eviction' && kind.kind === 'Pod' && method === 'POST') {
      await this.options.handlers.delete(targetOf(request, path.name), undefined, request);
      return { code: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' } };
    }
    if (path.subresource === 'token' && kind.kind === 'ServiceAccount' && method === 'POST') return this.token(request, path.name);
    return undefined;
  }

  private async token(request: ApiRequest, name: string): Promise<Answer | undefined> {
    const { handlers, issueToken, clock } = this.options;
    const account = await handlers.get(targetOf(request, name));
    return issueToken && { code: 201, body: answerTokenRequest(account, request.body, issueToken, clock) };
  }

  private async answerCollection(request: ApiRequest, response: () => ServerResponse): Promise<Answer | 'streaming' | undefined> {
    const { method, query, body } = request;
    const { handlers } = this.options;
    switch (method) {
      case 'GET':
        if (!isTrue(query.watch)) return this.list(request);
        await this.watch(request, response());
        return 'streaming';
      case 'POST':
        return this.written(request, await handlers.create(targetOf(request, ''), body, request));
      case 'DELETE': {
        const { items, resourceVersion } = await this.options.store.list(request.kind, selectionOf(request));
        for (const { metadata } of items)
          await handlers.delete({ ...targetOf(request, metadata.name), namespace: metadata.namespace ?? '' }, body, request);
        return { code: 200, body: this.presentation(request).list(items, { resourceVersion }) };
      }
      default:
        return undefined;
    }
  }

  private async answerObject(request: ApiRequest, name: string): Promise<Answer | undefined> {
    const { handlers } = this.options;
    const { method, body } = request;
    const target = targetOf(request, name);
    switch (method) {
      case 'GET':
        return { code: 200, body: this.presentation(request).one(await handlers.get(target)) };
      case 'PUT':
        return this.written(request, await handlers.update(target, body, request));
      case 'PATCH':
        return this.written(request, await handlers.patch(target, patchTypeOf(request), body, request));
      case 'DELETE':
        return { code: 200, body: this.presentation(request).one(await handlers.delete(target, body, request)) };
      default:
        return undefined;
    }
  }

  private async answerStatus(request: ApiRequest, name: string): Promise<Answer | undefined> {
    const { handlers } = this.options;
    const target = targetOf(request, name);
    switch (request.method) {
      case 'GET':
        return { code: 200, body: this.presentation(request).one(await handlers.get(target)) };
      case 'PUT':
        return this.written(request, await handlers.updateStatus(target, request.body, request));
      case 'PATCH':
        return this.written(request, await handlers.patch(target, patchTypeOf(request), request.body, request, 'status'));
      default:
        return undefined;
    }
  }

  private async answerScale(request: ApiRequest, name: string): Promise<Answer | undefined> {
    const { handlers } = this.options;
    const target = targetOf(request, name);
    const object = await handlers.get(target);
    const scale = scaleOf(object);
    const wanted = () => {
      if (request.method === 'PUT') return request.body;
      return patchTypeOf(request) === 'json' ? jsonPatch(scale, request.body) : mergePatch(scale, request.body);
    };
    switch (request.method) {
      case 'GET':
        return { code: 200, body: scale };
      case 'PUT':
      case 'PATCH':
        return { code: 200, body: scaleOf((await handlers.update(target, inVersion(request, scaled(object, wanted())), request)).object) };
      default:
        return undefined;
    }
  }

  private async proxy(request: ApiRequest, name: string, response: () => ServerResponse): Promise<'streaming'> {
    const { pod, port } = podAndPort(name);
    const object = (await this.options.handlers.get(targetOf(request, pod))) as Pod;
    const query = new URLSearchParams(request.query as Record<string, string>).toString();
    const path = `${encodeURI(request.path.rest ?? '/')}${query === '' ? '' : `?${query}`}`;
    await proxyToPod(object, request.method, { port, path }, response);
    return 'streaming';
  }

  private async log(request: ApiRequest, name: string, response: () => ServerResponse): Promise<'streaming'> {
    const target = targetOf(request, name);
    const query = request.query as LogQuery;
    const pod = (await this.options.handlers.get(target)) as Pod;
    const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((each) => each.name);
    const container = query.container ?? onlyContainerOf(pod);
    const known = containers.includes(container) || container === 'istio-proxy';
    if (!known) throw new StoreError('BAD_REQUEST', `container ${container} is not valid for pod ${name}`);
    if (isTrue(query.previous) && restartsOf(pod, container) === 0)
      throw new StoreError('BAD_REQUEST', `previous terminated container "${container}" in pod "${name}" not found`);
    const log = this.options.pods?.log(target.namespace, name, container);
    if (log === undefined)
      throw new StoreError('BAD_REQUEST', `container "${container}" in pod "${name}" is waiting to start: ContainerCreating`);
    await writeLog(log, query, this.options.clock, response());
    return 'streaming';
  }

  private async list(request: ApiRequest): Promise<Answer> {
    const { kind, query } = request;
    const { items, resourceVersion } = await this.options.store.list(kind, selectionOf(request));
    const { items: page, ...rest } = pageOf(items, numberOf(query, 'limit'), query.continue);
    return { code: 200, body: this.presentation(request).list(page, { resourceVersion, ...rest }) };
  }

  private async watch(request: ApiRequest, response: ServerResponse): Promise<void> {
    const { kind, path, query } = request;
    const timeoutSeconds = numberOf(query, 'timeoutSeconds');
    await writeWatch(
      this.options.store,
      this.options.clock,
      {
        kind,
        version: path.version,
        options: selectionOf(request),
        presentation: this.presentation(request),
        resourceVersion: query.resourceVersion === '0' ? undefined : query.resourceVersion || undefined,
        sendInitialEvents: isTrue(query.sendInitialEvents),
        timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
      },
      response,
    );
  }

  private written(request: ApiRequest, { object, created, warnings }: Written): Answer {
    return { code: created ? 201 : 200, body: this.presentation(request).one(object), warnings };
  }

  private presentation({ kind, path, accept, query, method }: ApiRequest): Presentation {
    // A write is answered with the object: nobody prints the table of one.
    const form = method === 'GET' ? formOf(accept) : 'object';
    return new Presentation(kind, path.version, form, this.options.clock, query.includeObject as Included | undefined);
  }
}

/** Who does not say which of several means none of them. Throws StoreError BAD_REQUEST. */
function onlyContainerOf({ metadata: { name }, spec: { containers, initContainers = [] } }: Pod): string {
  const [only, ...more] = containers.map((each) => each.name);
  if (only !== undefined && more.length === 0) return only;
  const others =
    initContainers.length === 0 ? '' : ` or one of the init containers: [${initContainers.map((each) => each.name).join(' ')}]`;
  const choice = `choose one of: [${containers.map((each) => each.name).join(' ')}]${others}`;
  throw new StoreError('BAD_REQUEST', `a container name must be specified for pod ${name}, ${choice}`);
}

/** What a container has written is in one file, whatever ran. */
function restartsOf({ status = {} }: Pod, container: string): number {
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return all.find(({ name }) => name === container)?.restartCount ?? 0;
}

function inVersion<T extends object>({ kind, path }: ApiRequest, object: T): T {
  return { ...object, apiVersion: apiVersionOf(kind, path.version) };
}

function targetOf({ kind, path }: ApiRequest, name: string): Target {
  return { kind, version: path.version, namespace: kind.namespaced ? (path.namespace ?? '') : '', name };
}

function selectionOf({ kind, path, query }: ApiRequest): ListOptions {
  const { labelSelector, fieldSelector } = query;
  if (fieldSelector) checkFieldSelector(kind, fieldSelector);
  return {
    ...(path.namespace !== undefined && { namespace: path.namespace }),
    ...(labelSelector && { labelSelector }),
    ...(fieldSelector && { fieldSelector }),
  };
}

function patchTypeOf({ contentType }: ApiRequest): PatchType {
  const known = patchTypes[contentType];
  if (known) return known;
  const accepted = Object.keys(patchTypes).join(', ');
  throw new StoreError(
    'UNSUPPORTED_MEDIA_TYPE',
    `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
  );
}
