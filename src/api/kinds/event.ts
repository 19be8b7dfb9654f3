// Event of Kubernetes: what happened to an object, for people to read.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { count, message, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { objectReferenceSchema } from '../schema/object-reference.ts';

const eventSchema = objectSchema('Event', {
  involvedObject: objectReferenceSchema,
  reason: Type.Optional(text),
  message: Type.Optional(text),
  type: Type.Optional(text),
  count: Type.Optional(count),
  firstTimestamp: Type.Optional(text),
  lastTimestamp: Type.Optional(text),
  eventTime: Type.Optional(text),
  action: Type.Optional(text),
  source: Type.Optional(message({ component: text, host: text })),
  series: Type.Optional(message({ count, lastObservedTime: text })),
  related: Type.Optional(objectReferenceSchema),
  reportingComponent: Type.Optional(text),
  reportingInstance: Type.Optional(text),
});

export type Event = Static<typeof eventSchema>;

export const eventKind: Kind = {
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: eventSchema,
};
