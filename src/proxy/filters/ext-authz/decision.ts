// What an authorization service says of a request, whichever protocol it speaks.
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { FieldList, RequestHead } from '#proxy/http/head';
import type { HeaderMutations } from '#proxy/route/route';

export type Decision =
  | {
      readonly kind: 'allow';
      readonly request: HeaderMutations;
      /** Of the client's answer. */
      readonly response: HeaderMutations;
      readonly metadata: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'deny'; readonly status: number; readonly headers: FieldList; readonly body: string }
  /** The service cannot be asked, or cannot be understood. */
  | { readonly kind: 'error'; readonly reason: string };

/** Asks the service; `body`: of the request, as far as the filter was told to send it. Returns a way out. */
export type Asker = (
  request: AuthorizationSubject,
  body: Buffer,
  partial: boolean,
  contextExtensions: Readonly<Record<string, string>>,
  onDecision: (decision: Decision) => void,
) => { cancel(): void };

/** What the service is told. */
export interface AuthorizationSubject {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  readonly protocol: string;
  readonly startWallMs: number;
  readonly connection: DownstreamConnection;
  readonly request: RequestHead;
  metadataOf(namespace: string): Readonly<Record<string, unknown>> | undefined;
}
