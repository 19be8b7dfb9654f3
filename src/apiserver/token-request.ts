// The subresource `token` of a ServiceAccount: `kubectl create token`, and programs outside of pods that call the API as an account.
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import type { Clock } from '#foundation/clock';
import { apiAudience, type ServiceAccountName } from '#identity/service-account-token';
import { StoreError } from '#store/store-error';

/** Makes a token that is good for so long. */
export type IssueToken = (account: ServiceAccountName, audience: string, validSeconds: number) => string;

const secondsDefault = 3_600;
const secondsMin = 600;
const secondsMax = 86_400;

/** The TokenRequest with its token; what is longer than a day is made a day, as Kubernetes shortens by its own bound. Throws StoreError INVALID. */
export function answerTokenRequest(account: ApiObject, body: unknown, issue: IssueToken, clock: Clock): object {
  const spec = isPlainObject(body) && isPlainObject(body['spec']) ? body['spec'] : {};
  const { expirationSeconds: asked, audiences } = spec;
  // kubectl writes null where it was not told.
  const expirationSeconds = asked ?? secondsDefault;
  if (typeof expirationSeconds !== 'number' || expirationSeconds < secondsMin) {
    const field = 'spec.expirationSeconds';
    const message = `Invalid value: ${JSON.stringify(expirationSeconds)}: may not specify a duration less than 10 minutes`;
    throw new StoreError('INVALID', `TokenRequest.authentication.k8s.io "" is invalid: ${field}: ${message}`, {
      problems: [{ level: 'error', code: 'OUT_OF_RANGE', field, message }],
      subject: { kind: 'TokenRequest', group: 'authentication.k8s.io', name: '' },
    });
  }
  const { namespace = '', name } = account.metadata;
  const seconds = Math.min(expirationSeconds, secondsMax);
  const audience = Array.isArray(audiences) && audiences.length > 0 ? String(audiences[0]) : apiAudience;
  return {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name, namespace },
    spec: { audiences: [audience], expirationSeconds: seconds },
    status: {
      token: issue({ namespace, serviceAccount: name }, audience, seconds),
      expirationTimestamp: `${new Date(clock.wallMs() + seconds * 1000).toISOString().slice(0, 19)}Z`,
    },
  };
}
