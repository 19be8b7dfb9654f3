// A watch of a Store, written to an HTTP response as one JSON event a line.
import type { ServerResponse } from 'node:http';
import { type ApiObject, apiVersionOf, type Kind } from '#api/kind';
import type { Clock, Timer } from '#foundation/clock';
import { failure } from '#store/status';
import type { ListOptions, Store, WatchEvent } from '#store/store';
import type { Presentation } from './presentation.ts';

export interface WatchRequest {
  kind: Kind;
  version: string;
  options: ListOptions;
  presentation: Presentation;
  /** Undefined: all that there is now comes first. */
  resourceVersion?: string | undefined;
  /** All that there is now comes first, and a bookmark says where that ends. */
  sendInitialEvents: boolean;
  timeoutMs?: number | undefined;
}

// A client that does not read is given up; it lists again when it comes back.
const unsentBytesMax = 16 * 1024 * 1024;
const bookmarkEveryMs = 10_000;

/** Writes until the client goes, the version expires or the time is over; bookmarks show an idle client that we live. */
export async function writeWatch(store: Store, clock: Clock, request: WatchRequest, response: ServerResponse): Promise<void> {
  const { kind, version, options, presentation, sendInitialEvents } = request;
  let resourceVersion = sendInitialEvents ? undefined : request.resourceVersion;
  const send = (type: string, object: object) => sendLine(lineOf(type, object));
  const sendLine = (line: Buffer) => {
    response.write(line);
    if (response.writableLength > unsentBytesMax) response.destroy();
  };
  const sendObject = (type: string, object: ApiObject) => {
    resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
    // A thousand watches of one kind are sent the same bytes: they are made once.
    if (presentation.form === 'object') sendLine(sharedLine(type, object, version, () => presentation.one(object)));
    else send(type, presentation.one(object));
  };
  const sendBookmark = (annotations?: Record<string, string>) => {
    const metadata = { resourceVersion, creationTimestamp: null, ...(annotations && { annotations }) };
    send('BOOKMARK', { kind: kind.kind, apiVersion: apiVersionOf(kind, version), metadata });
  };
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  if (resourceVersion === undefined) {
    const list = await store.list(kind, options);
    for (const object of list.items) sendObject('ADDED', object);
    resourceVersion = list.resourceVersion;
    if (sendInitialEvents) sendBookmark({ 'k8s.io/initial-events-end': 'true' });
  }
  response.flushHeaders();
  const watch = store.watch(
    kind,
    { ...options, resourceVersion },
    {
      event: (event: WatchEvent) => {
        if (event.type === 'BOOKMARK') resourceVersion = event.resourceVersion;
        else sendObject(event.type, event.object);
      },
      closed: (reason) => {
        if (reason === 'EXPIRED') send('ERROR', failure(410, 'Expired', `too old resource version: ${request.resourceVersion ?? ''}`));
        response.end();
      },
    },
  );
  let bookmark: Timer;
  const scheduleBookmark = () => {
    bookmark = clock.after(
      bookmarkEveryMs,
      () => {
        sendBookmark();
        scheduleBookmark();
      },
      { unref: true },
    );
  };
  scheduleBookmark();
  const end = request.timeoutMs === undefined ? undefined : clock.after(request.timeoutMs, () => response.end(), { unref: true });
  response.on('close', () => {
    watch.stop();
    bookmark.cancel();
    end?.cancel();
  });
}

const lineOf = (type: string, object: object) => Buffer.from(`${JSON.stringify({ type, object })}\n`);

/** Of objects, which never change, the last line each. */
const lines = new WeakMap<ApiObject, { key: string; line: Buffer }>();

function sharedLine(type: string, object: ApiObject, version: string, presented: () => object): Buffer {
  const key = `${type} ${version}`;
  const known = lines.get(object);
  if (known?.key === key) return known.line;
  const line = lineOf(type, presented());
  lines.set(object, { key, line });
  return line;
}
