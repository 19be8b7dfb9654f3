// Scripts in Lua: Envoy's `lua` filter, in a safe subset. A script has bounded memory and instructions and no way to files or the network but
// httpCall; one that fails is counted and logged, and the request goes on. What a script asks for that is not supported is such a failure,
// which names it.
import type { DataSource } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { Lua, LuaPerRoute } from '#codec/protobuf/generated/envoy/extensions/filters/http/lua/v3/lua';
import { messageOf } from '#foundation/mesh-error';
import type { Findings } from '#proxy/config/findings';
import { syntaxFault } from '#proxy/filters/lua/library';
import { RequestRun, ResponseRun } from '#proxy/filters/lua/run';
import { LuaScript } from '#proxy/filters/lua/script';
import { type FilterContext, type HttpFilter, type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import type { Counter } from '#proxy/telemetry/counters';

interface LuaConfig {
  /** Empty: there is none but those of routes. */
  readonly source: string;
  /** By the names that routes have for them. */
  readonly named: ReadonlyMap<string, string>;
  readonly statPrefix: string;
}

/** A name of the filter's scripts, a script of the route's own, or that there is none. */
type LuaRouteConfig =
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'source'; readonly source: string }
  | { readonly kind: 'none' };

export const luaType: HttpFilterType<LuaConfig, LuaRouteConfig> = {
  message: 'envoy.extensions.filters.http.lua.v3.Lua',
  decode(bytes, field, findings) {
    const { inlineCode, sourceCodes, defaultSourceCode, statPrefix } = Lua.decode(bytes);
    if (inlineCode !== '' && defaultSourceCode !== undefined) findings.report(field, 'has both inline_code and default_source_code');
    const own = defaultSourceCode === undefined ? inlineCode : sourceOf(defaultSourceCode, `${field}.default_source_code`, findings);
    checkSyntax(own, field, findings);
    const named = Object.entries(sourceCodes).map(([name, source]) => {
      const at = `${field}.source_codes.${name}`;
      const text = sourceOf(source, at, findings);
      checkSyntax(text, at, findings);
      return [name, text] as const;
    });
    return { source: own, named: new Map(named), statPrefix: statPrefix === '' ? '' : `${statPrefix}.` };
  },
  perRoute: {
    message: 'envoy.extensions.filters.http.lua.v3.LuaPerRoute',
    decode(bytes, field, findings) {
      const { override } = LuaPerRoute.decode(bytes);
      if (override?.$case === 'name') return { kind: 'named', name: override.value };
      if (override?.$case !== 'sourceCode') return { kind: 'none' };
      const source = sourceOf(override.value, `${field}.source_code`, findings);
      checkSyntax(source, `${field}.source_code`, findings);
      return { kind: 'source', source };
    },
  },
  make: (config, context) => luaFilter(config, new Scripts(context, `${config.statPrefix}`), context.name),
};

function sourceOf(source: DataSource, field: string, findings: Findings): string {
  const { specifier } = source;
  if (specifier?.$case === 'inlineString') return specifier.value;
  if (specifier?.$case === 'inlineBytes') return specifier.value.toString();
  findings.report(field, `${specifier?.$case ?? 'nothing'} is not supported: inline_string is`);
  return '';
}

function checkSyntax(source: string, field: string, findings: Findings): void {
  const fault = source === '' ? undefined : syntaxFault(source);
  if (fault !== undefined) findings.report(field, fault);
}

/** The scripts of one filter, each made when a stream first wants it: a state takes a few MB. */
class Scripts {
  readonly errors: Counter;
  private readonly bySource = new Map<string, LuaScript | undefined>();

  constructor(
    private readonly context: FilterContext,
    statPrefix: string,
  ) {
    this.errors = context.runtime.counters.get(`http.${context.statPrefix}.lua.${statPrefix}errors`);
  }

  /** Undefined: it failed when it was loaded. */
  of(source: string): LuaScript | undefined {
    if (!this.bySource.has(source)) {
      let script: LuaScript | undefined;
      try {
        script = new LuaScript(source, this.context.name);
      } catch (thrown) {
        this.fail(messageOf(thrown));
      }
      this.bySource.set(source, script);
    }
    return this.bySource.get(source);
  }

  fail(fault: string): void {
    this.errors.value++;
    this.context.runtime.logger.error({ filter: this.context.name, fault }, 'Lua script failed');
  }
}

function luaFilter(config: LuaConfig, scripts: Scripts, name: string): HttpFilter {
  const scriptFor = (stream: HttpStream): LuaScript | undefined => {
    const route = routeConfig(stream, luaType, name);
    const source =
      route === undefined
        ? config.source
        : route.kind === 'source'
          ? route.source
          : route.kind === 'named'
            ? (config.named.get(route.name) ?? '')
            : '';
    return source === '' ? undefined : scripts.of(source);
  };
  const fail = (fault: string) => scripts.fail(fault);
  return {
    request(stream) {
      const script = scriptFor(stream);
      if (script === undefined) return 'continue';
      return new RequestRun(stream, script, fail).start();
    },
    response(stream, head, fin) {
      const script = scriptFor(stream);
      return script && new ResponseRun(stream, script, fail, head, fin).start();
    },
  };
}
