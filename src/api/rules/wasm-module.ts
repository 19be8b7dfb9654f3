// What Istio asks of a WasmPlugin or a TrafficExtension beyond its structure.
import type { TrafficExtension } from '../kinds/traffic-extension.ts';
import type { WasmPlugin } from '../kinds/wasm-plugin.ts';
import { checkTarget } from './policy-target.ts';
import type { Report } from './report.ts';

export function checkWasmPlugin({ spec }: WasmPlugin, report: Report): void {
  checkTarget(spec, report);
  checkEnvironment(spec.vmConfig, 'spec.vmConfig', report);
}

export function checkTrafficExtension({ spec }: TrafficExtension, report: Report): void {
  checkTarget(spec, report);
  checkEnvironment(spec.wasm?.vmConfig, 'spec.wasm.vmConfig', report);
}

function checkEnvironment(vmConfig: WasmPlugin['spec']['vmConfig'], at: string, report: Report): void {
  const variables = vmConfig?.env ?? [];
  report.unique(
    'DUPLICATE_NAME',
    variables.map(({ name }, index) => ({ value: name, field: `${at}.env[${index}].name`, what: `variable "${name}"` })),
  );
}
