// Kubernetes' ObjectReference: which object stands behind an address.
import { openMessage, text } from './field.ts';

export const objectReferenceSchema = openMessage({ kind: text, namespace: text, name: text, uid: text, apiVersion: text });
