// How a VirtualService refers to a Gateway.
import type { Gateway } from '#api/kinds/gateway';
import type { Resources } from './resources.ts';

/** `namespace/name` of `name`, `./name` or `namespace/name`. */
export function gatewayKey(name: string, namespace: string): string {
  return name.includes('/') ? name.replace(/^\.\//, `${namespace}/`) : `${namespace}/${name}`;
}

/** Also by Istio's older form, `name.namespace.svc.cluster.local`. */
export function gatewayNamed(name: string, namespace: string, resources: Resources): Gateway | undefined {
  const [home = '', own = ''] = gatewayKey(name, namespace).split('/');
  const [older = '', olderHome = ''] = name.split('.');
  const kind = 'networking.istio.io/Gateway';
  return resources.find<Gateway>(kind, home, own) ?? resources.find<Gateway>(kind, olderHome, older);
}
