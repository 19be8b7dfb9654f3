// Findings as Istio keeps them on a resource: `status.validationMessages` and `status.observedGeneration`. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from '#analysis/analyzer';
import { documentationUrlOf, levelOf, nameOf } from '#analysis/code';
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';

/** Istio's AnalysisMessageBase, with what is wrong where. */
interface ValidationMessage {
  type: { code: string; name: string };
  level: 'ERROR' | 'WARNING' | 'INFO';
  documentationUrl?: string;
  message: string;
  /** Path inside of the resource. */
  field?: string;
}

type Status = Readonly<Record<string, unknown>>;

/** On one resource; the gravest come first. */
const messagesMax = 20;
const messageCharsMax = 1_000;

/** What `status` has to become; undefined where it is right as it is. Who has never had a finding has no status of ours. */
export function statusWith(object: ApiObject, findings: readonly Finding[]): Status | undefined {
  const status = statusOf(object);
  const { validationMessages: before, observedGeneration, ...others } = status;
  if (findings.length === 0 && before === undefined) return undefined;
  const messages = findings.slice(0, messagesMax).map(messageOf);
  const { generation } = object.metadata;
  const kept = generation ?? observedGeneration;
  const after = {
    ...others,
    ...(kept !== undefined && { observedGeneration: kept }),
    ...(messages.length > 0 && { validationMessages: messages }),
  };
  return isDeepStrictEqual(after, status) ? undefined : after;
}

function messageOf({ code, field, message, hint }: Finding): ValidationMessage {
  const documentationUrl = documentationUrlOf(code);
  return {
    type: { code, name: nameOf(code) },
    level: levelOf(code).toUpperCase() as ValidationMessage['level'],
    ...(documentationUrl !== undefined && { documentationUrl }),
    message: (hint === undefined ? message : `${message} (${hint})`).slice(0, messageCharsMax),
    ...(field !== '' && { field }),
  };
}

/** Whether a difference between two versions of an object can change what analyzers find: what is written here cannot. */
export function isSameToAnalyzers(a: ApiObject, b: ApiObject): boolean {
  return isDeepStrictEqual(withoutOurs(a), withoutOurs(b));
}

function withoutOurs(object: ApiObject): object {
  const { resourceVersion: _, ...metadata } = object.metadata;
  const { validationMessages: __, observedGeneration: ___, ...status } = statusOf(object);
  return { ...object, metadata, status };
}

function statusOf(object: ApiObject): Status {
  const { status } = object as ApiObject & { status?: unknown };
  return isPlainObject(status) ? status : {};
}
