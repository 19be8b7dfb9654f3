// The settings of Istio's sidecar injector, in its ConfigMap.
import { isPlainObject } from '#api/json';
import type { ConfigMap } from '#api/kinds/config-map';

export interface InjectorValues {
  /** Of the proxy that is injected; undefined where the ConfigMap does not tell. */
  image?: string;
  enableNamespacesByDefault: boolean;
}

export function injectorValues({ data = {} }: ConfigMap): InjectorValues {
  const values = parsed(data['values']);
  const { hub, tag, proxy } = part(values, 'global');
  const image = isPlainObject(proxy) ? proxy['image'] : undefined;
  const enableNamespacesByDefault = part(values, 'sidecarInjectorWebhook')['enableNamespacesByDefault'] === true;
  if (typeof image !== 'string') return { enableNamespacesByDefault };
  return { image: image.includes('/') ? image : `${hub}/${image}:${tag}`, enableNamespacesByDefault };
}

function parsed(text: string | undefined): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return isPlainObject(value) ? value : {};
  } catch {
    return {}; // a broken ConfigMap sets nothing
  }
}

function part(value: Record<string, unknown>, name: string): Record<string, unknown> {
  return isPlainObject(value[name]) ? value[name] : {};
}
