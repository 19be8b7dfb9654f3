// The Store over Kubernetes' REST API: of our own API server, or of a cluster's.
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type ApiObject, apiVersionOf, type Kind, keyOf } from '#api/kind';
import { kindOf } from '#api/registry';
import type { Clock } from '#foundation/clock';
import { messageOf } from '#foundation/mesh-error';
import { distrustHint, type HttpAccess, HttpClient } from '#net/http-access';
import { resourcePath } from './rest-path.ts';
import { errorOf, type Status } from './status.ts';
import type { DeleteOptions, ListOptions, ObjectList, Store, Watch, WatchHandlers } from './store.ts';
import { StoreError } from './store-error.ts';
import { WatchStream } from './watch-stream.ts';

export interface RemoteStoreOptions {
  api: HttpAccess;
  clock: Clock;
  /** Called with what the API server says of a write that it took. */
  warning?: (message: string) => void;
  /** Of a request other than a watch. */
  timeoutMs?: number;
  /** A watch on which nothing comes for so long, not even a bookmark, counts as disconnected. */
  watchIdleMs?: number;
}

const answerBytesMax = 256 * 1024 * 1024;
const answersKeptIdle = 4;

export class RemoteStore implements Store {
  private readonly client: HttpClient;

  constructor(private readonly options: RemoteStoreOptions) {
    this.client = new HttpClient(options.api, answersKeptIdle);
  }

  async get(kind: Kind, namespace: string, name: string): Promise<ApiObject | undefined> {
    try {
      return (await this.call('GET', resourcePath(kind, namespace, name))) as ApiObject;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  async list(kind: Kind, options: ListOptions = {}): Promise<ObjectList> {
    const answer = (await this.call('GET', `${resourcePath(kind, options.namespace ?? '')}${query(options)}`)) as {
      items: ApiObject[];
      metadata: { resourceVersion: string };
    };
    // A list says once for all of its items what they are.
    const items = answer.items.map((item) => ({ ...item, apiVersion: apiVersionOf(kind), kind: kind.kind }));
    return { items, resourceVersion: answer.metadata.resourceVersion };
  }

  watch(kind: Kind, options: ListOptions & { resourceVersion: string }, handlers: WatchHandlers): Watch {
    const parameters = { watch: '1', allowWatchBookmarks: 'true', resourceVersion: options.resourceVersion };
    const path = `${resourcePath(kind, options.namespace ?? '')}${query(options, parameters)}`;
    const stream = new WatchStream({ clock: this.options.clock, idleMs: this.options.watchIdleMs ?? 45_000 }, handlers);
    const call = this.open('GET', path);
    call.on('response', (response) => stream.read(response));
    call.on('error', () => stream.close('DISCONNECTED'));
    stream.onStop(() => call.destroy());
    call.end();
    return stream;
  }

  create(object: ApiObject): Promise<ApiObject> {
    const { kind, namespace } = placeOf(object);
    return this.call('POST', resourcePath(kind, namespace), object) as Promise<ApiObject>;
  }

  update(object: ApiObject): Promise<ApiObject> {
    const { kind, namespace, name } = placeOf(object);
    return this.call('PUT', resourcePath(kind, namespace, name), object) as Promise<ApiObject>;
  }

  updateStatus(object: ApiObject): Promise<ApiObject> {
    const { kind, namespace, name } = placeOf(object);
    return this.call('PUT', resourcePath(kind, namespace, name, 'status'), object) as Promise<ApiObject>;
  }

  async delete(kind: Kind, namespace: string, name: string, { gracePeriodSeconds }: DeleteOptions = {}): Promise<ApiObject> {
    const grace = gracePeriodSeconds === undefined ? '' : `?gracePeriodSeconds=${gracePeriodSeconds}`;
    return (await this.call('DELETE', resourcePath(kind, namespace, name) + grace)) as ApiObject;
  }

  /** Ends idle connections; those in use end with their request. */
  close(): void {
    this.client.close();
  }

  private async call(method: string, path: string, body?: object): Promise<unknown> {
    try {
      return await this.once(method, path, body);
    } catch (error) {
      // The server may close an idle connection at the moment that we reuse it. Reading again harms nobody.
      if (method === 'GET' && error instanceof StaleConnection) return this.once(method, path, body);
      throw error;
    }
  }

  private async once(method: string, path: string, body?: object): Promise<unknown> {
    const call = this.open(method, path, body !== undefined);
    const timer = this.options.clock.after(this.options.timeoutMs ?? 30_000, () => call.destroy(new Error('no answer in time')));
    try {
      call.end(body === undefined ? undefined : JSON.stringify(body));
      const response = await responseOf(call);
      return this.settled(response, await readAll(response));
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const stale = call.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
      throw stale ? new StaleConnection(this.client.url, error as Error) : unreachable(this.client.url, error as Error);
    } finally {
      timer.cancel();
    }
  }

  /** What was answered; throws what the API server refused, or what is no answer of an API server. */
  private settled(response: IncomingMessage, text: string): unknown {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw unreachable(this.client.url, new Error(`it answered ${response.statusCode} and no JSON: is it an API server?`));
    }
    if ((response.statusCode ?? 500) >= 300) throw errorOf(value as Partial<Status>);
    for (const warning of warningsOf(response.headers['warning'])) this.options.warning?.(warning);
    return value;
  }

  private open(method: string, path: string, hasBody = false): ClientRequest {
    const headers = { accept: 'application/json', ...(hasBody && { 'content-type': 'application/json' }) };
    return this.client.request(method, path, { headers });
  }
}

class StaleConnection extends StoreError {
  constructor(url: URL, cause: Error) {
    super('UNAVAILABLE', `the API server at ${url.origin} closed the connection`, { cause });
  }
}

function unreachable(url: URL, cause: Error): StoreError {
  const refused = (cause as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  const message = refused
    ? `no API server listens at ${url.origin}`
    : `the API server at ${url.origin} cannot be reached: ${messageOf(cause)}`;
  const hint = distrustHint(cause) ?? 'is the mesh running? start it with "npm start" or "lateen up"';
  return new StoreError('UNAVAILABLE', message, { cause, hint });
}

function placeOf(object: ApiObject): { kind: Kind; namespace: string; name: string } {
  const kind = kindOf(object.apiVersion, object.kind);
  if (!kind) throw new StoreError('INVALID', `unknown kind ${object.kind} in ${object.apiVersion}`);
  const { namespace = '', name } = object.metadata;
  if (kind.namespaced && namespace === '') throw new StoreError('INVALID', `${object.kind} ${keyOf(object.metadata)} names no namespace`);
  return { kind, namespace, name };
}

function query({ labels = {}, labelSelector, fieldSelector }: ListOptions, parameters: Record<string, string> = {}): string {
  const terms = [...Object.entries(labels).map(([key, value]) => `${key}=${value}`), ...(labelSelector ? [labelSelector] : [])];
  const search = new URLSearchParams({
    ...parameters,
    ...(terms.length > 0 && { labelSelector: terms.join(',') }),
    ...(fieldSelector && { fieldSelector }),
  });
  return search.size > 0 ? `?${search}` : '';
}

function responseOf(call: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.on('response', resolve);
    call.on('error', reject);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The texts of `299 - "…"` (RFC 7234, section 5.5), several of which may stand in one line. */
function warningsOf(header: string | string[] | undefined): string[] {
  const quotedTexts = [header ?? '']
    .flat()
    .join(', ')
    .matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g);
  return [...quotedTexts].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}
