// What a status says of one side of its object: Kubernetes' conditions.
import { Type } from '@sinclair/typebox';
import { message, text } from './field.ts';

export const conditionsSchema = Type.Array(
  message(
    {
      type: text,
      status: text,
      observedGeneration: Type.Integer(),
      lastProbeTime: text,
      lastUpdateTime: text,
      lastTransitionTime: text,
      reason: text,
      message: text,
    },
    ['type', 'status'],
  ),
);
