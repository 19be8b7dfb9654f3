// CEL with Kubernetes' functions for strings, as definitions and webhooks have it. https://kubernetes.io/docs/reference/using-api/cel/

import { Cel } from '#codec/cel';
import { Regex } from '#codec/regex';

export const loadKubernetesCel = (): Promise<Cel> =>
  Cel.load({
    'isURL(string): bool': (text: string) => URL.canParse(text),
    'string.find(string): string': (text: string, pattern: string) => new Regex(pattern).find(text) ?? '',
    'string.findAll(string): list': (text: string, pattern: string) => new Regex(pattern).findAll(text),
  });
