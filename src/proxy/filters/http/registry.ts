// Every HTTP filter that is known, one row each. To add one: a file beside this one that exports its HttpFilterType, and a row here.
import type { HttpFilterType } from '#proxy/http/http-filter';
import { corsType } from './cors.ts';
import { faultType } from './fault.ts';
import { istioStatsType } from './istio-stats.ts';
import { peerMetadataType } from './peer-metadata.ts';
import { routerType } from './router.ts';

export const httpFilterTypes: readonly HttpFilterType[] = [corsType, faultType, istioStatsType, peerMetadataType, routerType];
