// Event of Kubernetes: what happened to an object, for people to read.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { count, opaque, openMessage, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const referenceSchema = openMessage({ apiVersion: text, kind: text, namespace: text, name: text, uid: text, fieldPath: text });

const eventSchema = objectSchema('Event', {
  involvedObject: referenceSchema,
  reason: Type.Optional(text),
  message: Type.Optional(text),
  type: Type.Optional(text),
  count: Type.Optional(count),
  firstTimestamp: Type.Optional(text),
  lastTimestamp: Type.Optional(text),
  eventTime: Type.Optional(text),
  action: Type.Optional(text),
  source: Type.Optional(openMessage({ component: text, host: text })),
  series: Type.Optional(opaque),
  related: Type.Optional(opaque),
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
