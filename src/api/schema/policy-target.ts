// Which workloads a policy is for: a selector of labels, or references to the resources in front of them. Of all kinds
// of security.istio.io, telemetry.istio.io and extensions.istio.io.
import { Type } from '@sinclair/typebox';
import { message } from './field.ts';
import { matchLabelsSelectorSchema, workloadSelectorSchema } from './label-selector.ts';

const targetRefSchema = message(
  {
    group: Type.String({ maxLength: 253, pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' }),
    kind: Type.String({ minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' }),
    name: Type.String({ minLength: 1, maxLength: 253 }),
    namespace: Type.String({ constraints: ['own-namespace'] }),
  },
  ['kind', 'name'],
);

const targetRefsSchema = Type.Array(targetRefSchema, { maxItems: 16 });

export const selectorOrTargetRefs = { selector: matchLabelsSelectorSchema, targetRefs: targetRefsSchema };

/** With the older single reference beside the list. */
export const selectorOrTargets = { ...selectorOrTargetRefs, targetRef: targetRefSchema };
export const oneTarget = ['selector', 'targetRef', 'targetRefs'] as const;

/** EnvoyFilter calls its labels otherwise. */
export const workloadSelectorOrTargetRefs = { workloadSelector: workloadSelectorSchema, targetRefs: targetRefsSchema };

export const nonEmpty = Type.String({ minLength: 1 });
export const nonEmptyTexts = Type.Array(nonEmpty);
