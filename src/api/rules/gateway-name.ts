// How a VirtualService names the Gateways that it is for.
import { isHostname, isName } from './names.ts';
import type { Report } from './report.ts';

/** `mesh`, `name`, `namespace/name`, or Istio's older `name.namespace.svc…`. */
export function checkGatewayNames(gateways: readonly string[], at: string, report: Report): void {
  for (const [index, gateway] of gateways.entries()) {
    const field = `${at}[${index}]`;
    const [namespace = '', name, ...more] = gateway.split('/');
    const sound = name === undefined ? isHostname(gateway) : isName(namespace) && isName(name) && more.length === 0;
    if (!sound) report.error('INVALID_NAME', field, `"${gateway}" is no name of a gateway`, 'write name, namespace/name or mesh');
    else if (name === undefined && gateway.includes('.')) {
      const [older, home] = gateway.split('.');
      report.warning('DEPRECATED', field, `"${gateway}" is the older form`, `write ${home}/${older}`);
    }
  }
}
