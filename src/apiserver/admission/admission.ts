// Admission webhooks: what others may change about a write, and whether they allow it. Those that change come first and one after the
// other, then those that only look, all at once; Kubernetes' dynamic admission control.
import { isPlainObject } from '#api/json';
import { type ApiObject, apiVersionOf } from '#api/kind';
import { namespaceKind } from '#api/kinds/namespace';
import { kubernetesKinds } from '#api/kubernetes-kinds';
import { messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import type { Random } from '#foundation/random';
import { uuid } from '#foundation/uuid';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { MatchConditions } from '../cel/match-conditions.ts';
import { jsonPatch } from '../patch.ts';
import type { User } from '../user.ts';
import { askWebhook, type WebhookAnswer } from './webhook-call.ts';
import { type Admitted, concerns, type Webhook } from './webhook-rules.ts';

const kindNamed = (name: string) => kubernetesKinds.find(({ kind }) => kind === name)!;
const mutatingKind = kindNamed('MutatingWebhookConfiguration');
const validatingKind = kindNamed('ValidatingWebhookConfiguration');

export interface Asking {
  user: User | undefined;
  dryRun: boolean;
  options: object;
}

/** Reads an object again after it was changed. Throws StoreError where it has become unsound. */
export type Reread = (changed: unknown) => ApiObject;

export interface Admission {
  object: ApiObject | undefined;
  warnings: Problem[];
}

export class WebhookAdmission {
  private readonly conditions = new MatchConditions();

  constructor(private readonly options: { store: Store; random: Random }) {}

  /** Throws StoreError FORBIDDEN, INVALID or BAD_REQUEST as a webhook says, UNAVAILABLE where one that must be asked does not answer. */
  async admit(write: Admitted, asking: Asking, reread: Reread): Promise<Admission> {
    const warnings: Problem[] = [];
    // Whoever could break these could not mend them.
    if (write.kind.group === mutatingKind.group) return { object: write.object, warnings };
    const [mutating, validating] = await Promise.all([this.concerned(mutatingKind, write), this.concerned(validatingKind, write)]);
    const object = await this.mutated(mutating, write, asking, reread, warnings);
    const admitted = { ...write, object };
    const answers = await Promise.allSettled(validating.map((webhook) => this.ask(webhook, admitted, asking, warnings)));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
    return { object, warnings };
  }

  /** Of all configurations, by their names. */
  private async concerned(kind: typeof mutatingKind, write: Admitted): Promise<Webhook[]> {
    const { items } = await this.options.store.list(kind);
    if (items.length === 0) return [];
    const namespace = write.kind.namespaced ? await this.options.store.get(namespaceKind, '', write.namespace) : undefined;
    const labels = write.kind.namespaced ? (namespace?.metadata.labels ?? {}) : undefined;
    return items.flatMap((item) => (item as { webhooks?: Webhook[] }).webhooks ?? []).filter((webhook) => concerns(webhook, write, labels));
  }

  /** One that asks for it is called once more where a later one has changed the object. */
  private async mutated(
    webhooks: readonly Webhook[],
    write: Admitted,
    asking: Asking,
    reread: Reread,
    warnings: Problem[],
  ): Promise<ApiObject | undefined> {
    let { object } = write;
    const again = new Set<Webhook>();
    const call = async (webhook: Webhook) => {
      const answer = await this.ask(webhook, { ...write, object }, asking, warnings);
      const changed = object && patched(object, answer, webhook);
      if (changed === undefined) return false;
      object = reread(changed);
      return true;
    };
    for (const [index, webhook] of webhooks.entries()) {
      if (!(await call(webhook))) continue;
      for (const earlier of webhooks.slice(0, index)) if (earlier.reinvocationPolicy === 'IfNeeded') again.add(earlier);
    }
    for (const webhook of again) await call(webhook);
    return object;
  }

  private async ask(webhook: Webhook, write: Admitted, asking: Asking, warnings: Problem[]): Promise<WebhookAnswer> {
    const { name, failurePolicy = 'Fail', sideEffects = 'Unknown', matchConditions = [] } = webhook;
    if (asking.dryRun && !['None', 'NoneOnDryRun'].includes(sideEffects)) {
      throw new StoreError('BAD_REQUEST', `admission webhook "${name}" does not support dry run: its sideEffects are ${sideEffects}`);
    }
    let answer: WebhookAnswer;
    try {
      const request = reviewed(write, asking, uuid(this.options.random));
      if (!(await this.conditions.hold(matchConditions, request))) return { allowed: true };
      answer = await askWebhook(webhook, request, this.options.store);
    } catch (thrown) {
      if (failurePolicy === 'Ignore') return { allowed: true };
      throw new StoreError('UNAVAILABLE', `failed calling webhook "${name}": ${messageOf(thrown)}`, { cause: thrown });
    }
    for (const message of answer.warnings ?? []) warnings.push({ level: 'warning', code: 'ADMISSION_WEBHOOK', message });
    if (answer.allowed === true) return answer;
    const { code = 403, message } = answer.status ?? {};
    const said = `admission webhook "${name}" denied the request${message ? `: ${message}` : ' without explanation'}`;
    throw new StoreError(code === 422 ? 'INVALID' : code === 403 ? 'FORBIDDEN' : 'BAD_REQUEST', said);
  }
}

/** Undefined where nothing is changed. */
function patched(object: ApiObject, { patch, patchType }: WebhookAnswer, { name }: Webhook): unknown {
  if (patch === undefined || patch === '') return undefined;
  try {
    if (patchType !== 'JSONPatch') throw new Error(`patchType is ${patchType}`);
    const changed = jsonPatch(object, JSON.parse(Buffer.from(patch, 'base64').toString('utf8')));
    return isPlainObject(changed) ? changed : undefined;
  } catch (thrown) {
    throw new StoreError('UNAVAILABLE', `admission webhook "${name}" answered with a patch that cannot be applied: ${messageOf(thrown)}`);
  }
}

function reviewed(
  { operation, kind, version, subresource, namespace, object, old }: Admitted,
  { user, dryRun, options }: Asking,
  uid: string,
) {
  const named = { group: kind.group, version, kind: kind.kind };
  const resource = { group: kind.group, version, resource: kind.plural };
  const inVersion = (each: ApiObject | undefined) => (each ? { ...each, apiVersion: apiVersionOf(kind, version) } : null);
  return {
    uid,
    kind: named,
    resource,
    requestKind: named,
    requestResource: resource,
    ...(subresource !== '' && { subResource: subresource, requestSubResource: subresource }),
    name: (object ?? old)?.metadata.name ?? '',
    ...(namespace !== '' && { namespace }),
    operation,
    userInfo: { username: user?.name ?? 'system:anonymous', groups: user?.groups ?? [] },
    object: inVersion(object),
    oldObject: inVersion(old),
    dryRun,
    options,
  };
}
