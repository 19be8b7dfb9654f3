// Kubernetes' LabelSelector, and Istio's selectors of workloads.
import { Type } from '@sinclair/typebox';
import { enumOf, message, stringMap, text, texts } from './field.ts';

/** Of Kubernetes: labels and expressions must all hold. */
export const labelSelectorSchema = message({
  matchLabels: stringMap,
  matchExpressions: Type.Array(
    message({ key: text, operator: enumOf('In', 'NotIn', 'Exists', 'DoesNotExist'), values: texts }, ['key', 'operator']),
  ),
});

/** Of Sidecar and ServiceEntry: pods and WorkloadEntries of the same namespace with all of these labels. */
export const workloadSelectorSchema = message({
  labels: Type.Record(Type.String(), Type.String({ maxLength: 63, constraints: ['no-wildcard'] }), { maxProperties: 256 }),
});

/** Of the kinds that were made later: the workloads that a resource applies to. */
export const matchLabelsSelectorSchema = message({
  matchLabels: Type.Record(Type.String(), Type.String({ maxLength: 63, constraints: ['no-wildcard'] }), {
    maxProperties: 4096,
    constraints: ['keys-without-wildcard', 'keys-not-empty'],
  }),
});
