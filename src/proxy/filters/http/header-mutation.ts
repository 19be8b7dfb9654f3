// Changes headers of requests and responses, in the order given: Envoy's `header_mutation` filter. What a route says is done as well.
import type { HeaderMutation as Mutation } from '#codec/protobuf/generated/envoy/config/common/mutation_rules/v3/mutation_rules';
import {
  HeaderMutation,
  HeaderMutationPerRoute,
  type Mutations,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation';
import { decodeHeaderMutations } from '#proxy/config/decode-header-mutations';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HeaderMutations } from '#proxy/route/route';
import { mutateRequest, mutateResponse } from './header-mutations.ts';

interface MutationConfig {
  /** One by one: their order counts. */
  readonly request: readonly HeaderMutations[];
  readonly response: readonly HeaderMutations[];
}

export const headerMutationType: HttpFilterType<MutationConfig, MutationConfig> = {
  message: 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutation',
  decode: (bytes) => decode(HeaderMutation.decode(bytes).mutations),
  perRoute: {
    message: 'envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
    decode: (bytes) => decode(HeaderMutationPerRoute.decode(bytes).mutations),
  },
  make: (general, { name }) => ({
    request(stream) {
      for (const each of general.request) mutateRequest(stream.request, each);
      for (const each of routeConfig(stream, headerMutationType, name)?.request ?? []) mutateRequest(stream.request, each);
      return 'continue';
    },
    response(stream, head) {
      for (const each of general.response) mutateResponse(head, each);
      for (const each of routeConfig(stream, headerMutationType, name)?.response ?? []) mutateResponse(head, each);
    },
  }),
};

function decode(mutations: Mutations | undefined): MutationConfig {
  return { request: (mutations?.requestMutations ?? []).map(single), response: (mutations?.responseMutations ?? []).map(single) };
}

function single({ action }: Mutation): HeaderMutations {
  return action?.$case === 'append' ? decodeHeaderMutations([action.value], []) : decodeHeaderMutations([], action ? [action.value] : []);
}
