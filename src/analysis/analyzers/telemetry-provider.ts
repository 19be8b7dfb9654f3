// Telemetries that log to nobody, or trace to a provider that is gone.
import type { Telemetry } from '#api/kinds/telemetry';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Resources } from '../resources.ts';

const kind = 'telemetry.istio.io/Telemetry';

function* checkProvider(object: Telemetry, resources: Resources): Iterable<Finding> {
  if (resources.meshConfig.defaultAccessLogging.length > 0) return;
  for (const [index, { disabled, providers = [] }] of (object.spec?.accessLogging ?? []).entries()) {
    if (disabled || providers.length > 0) continue;
    const message = 'logs nowhere: neither this resource nor the mesh names a provider';
    yield finding(
      'IST0157',
      object,
      `spec.accessLogging[${index}]`,
      message,
      'set providers, or defaultProviders.accessLogging of the mesh',
    );
  }
}

function* checkLightstep(object: Telemetry, resources: Resources): Iterable<Finding> {
  const lightstep = new Set(resources.meshConfig.providers.filter((provider) => provider.kind === 'lightstep').map(({ name }) => name));
  for (const [index, { providers = [] }] of (object.spec?.tracing ?? []).entries()) {
    for (const { name } of providers.filter((provider) => lightstep.has(provider.name))) {
      const message = `provider ${name} is of kind lightstep, which is removed`;
      yield finding('IST0002', object, `spec.tracing[${index}].providers`, message, 'use a provider of kind opentelemetry');
    }
  }
}

export const telemetryProvider = analyzer('telemetry.ProviderAnalyzer', [kind], checkProvider);
export const telemetryLightstep = analyzer('telemetry.LightstepAnalyzer', [kind], checkLightstep);
