// What Istio asks of a WorkloadGroup beyond its structure.
import type { WorkloadGroup } from '../kinds/workload-group.ts';
import { checkLabels } from './metadata.ts';
import type { Report } from './report.ts';

export function checkWorkloadGroup({ spec }: WorkloadGroup, report: Report): void {
  checkLabels('spec.metadata.labels', spec.metadata?.labels ?? {}, report);
  const { probe } = spec;
  if (!probe) return;
  if (!probe.httpGet && !probe.tcpSocket && !probe.exec && !probe.grpc) {
    report.error('MISSING_FIELD', 'spec.probe', 'one of httpGet, tcpSocket, exec, grpc is required');
  }
  if (probe.exec?.command.length === 0) report.error('MISSING_FIELD', 'spec.probe.exec.command', 'must not be empty');
}
