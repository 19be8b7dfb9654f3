// Kubernetes' ObjectReference: which object stands behind an address, or an event is about.
import { message, text } from './field.ts';

export const objectReferenceSchema = message({
  apiVersion: text,
  kind: text,
  namespace: text,
  name: text,
  uid: text,
  resourceVersion: text,
  fieldPath: text,
});
