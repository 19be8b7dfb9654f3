// Stands where a filter's configuration was to be discovered and has not come: nothing passes, as in Envoy. In no registry: no configuration
// names it.
import type { HttpFilterType } from '#proxy/http/http-filter';
import { responseFlag } from '#telemetry/response-flags';

export const missingType: HttpFilterType<undefined> = {
  message: '',
  decode: () => undefined,
  make: () => ({
    request(stream) {
      stream.reply({ status: 500, flags: responseFlag.noFilterConfigFound, details: 'filter_chain_not_found' });
      return 'stop';
    },
  }),
};
