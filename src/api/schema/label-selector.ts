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

const labelsWithoutWildcard = Type.Record(Type.String(), Type.String({ maxLength: 63 }), { maxProperties: 256 });

/** Of Sidecar and ServiceEntry: pods and WorkloadEntries of the same namespace with all of these labels. */
export const workloadSelectorSchema = message({ labels: labelsWithoutWildcard });

/** Of DestinationRule: the client workloads that it applies to. */
export const matchLabelsSelectorSchema = message({ matchLabels: labelsWithoutWildcard });
