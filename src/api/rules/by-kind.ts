// The rules of each kind beyond its structure; kinds without rules of their own are not listed.
import type { ApiObject, Kind } from '../kind.ts';
import { checkDeployment } from './deployment.ts';
import { checkDestinationRule } from './destination-rule.ts';
import { checkGateway } from './gateway.ts';
import type { Report } from './report.ts';
import { checkService } from './service.ts';
import { checkServiceEntry, checkWorkloadEntry } from './service-entry.ts';
import { checkSidecar } from './sidecar.ts';
import { checkVirtualService } from './virtual-service.ts';

// A check takes the type of its kind: the object's structure has been found sound before.
const checks: Readonly<Record<string, (object: never, report: Report) => void>> = {
  Deployment: checkDeployment,
  DestinationRule: checkDestinationRule,
  Gateway: checkGateway,
  Service: checkService,
  ServiceEntry: checkServiceEntry,
  Sidecar: checkSidecar,
  VirtualService: checkVirtualService,
  WorkloadEntry: checkWorkloadEntry,
};

export function checkKind({ group, kind }: Kind, object: ApiObject, report: Report): void {
  if (group === '' || group === 'apps' || group.endsWith('.istio.io')) checks[kind]?.(object as never, report);
}
