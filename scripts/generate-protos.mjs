// Turns Envoy's .proto files, as npm installed them, into TypeScript and a descriptor set.
// Run by `npm run generate`; the output is not committed. The files come from @grpc/grpc-js-xds, which carries them.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const bin = (name) => path.join(root, 'node_modules', '.bin', name);
const out = path.join(root, 'src', 'codec', 'protobuf', 'generated');
const deps = path.join(root, 'node_modules', '@grpc', 'grpc-js-xds', 'deps');

/** What the code imports; buf adds everything that these refer to. */
const roots = [
  'envoy/service/discovery/v3',
  'envoy/config/bootstrap/v3',
  'envoy/config/listener/v3',
  'envoy/config/route/v3',
  'envoy/config/cluster/v3',
  'envoy/config/endpoint/v3',
  'envoy/extensions/filters/network/http_connection_manager/v3',
  'envoy/extensions/filters/network/tcp_proxy/v3',
  'envoy/extensions/filters/listener/original_dst/v3',
  'envoy/extensions/filters/listener/tls_inspector/v3',
  'envoy/extensions/filters/listener/http_inspector/v3',
  'envoy/extensions/filters/listener/proxy_protocol/v3',
  'envoy/extensions/filters/http/router/v3',
  'envoy/extensions/filters/http/fault/v3',
  ...[
    'buffer',
    'compressor',
    'cors',
    'decompressor',
    'ext_authz',
    'grpc_stats',
    'grpc_web',
    'header_mutation',
    'health_check',
    'jwt_authn',
    'local_ratelimit',
    'lua',
    'ratelimit',
    'rbac',
  ].map((filter) => `envoy/extensions/filters/http/${filter}/v3`),
  'envoy/extensions/filters/network/rbac/v3',
  'envoy/extensions/filters/network/ext_authz/v3',
  'envoy/extensions/compression/gzip',
  'envoy/extensions/compression/brotli',
  'envoy/service/auth/v3',
  'envoy/service/ratelimit/v3',
  'envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3',
  'envoy/extensions/clusters/dynamic_forward_proxy/v3',
  'envoy/extensions/filters/http/dynamic_forward_proxy/v3',
  'envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3',
  'envoy/extensions/retry/host/previous_hosts/v3',
  'envoy/extensions/retry/priority/previous_priorities/v3',
  'envoy/extensions/upstreams/http/v3',
  'envoy/extensions/transport_sockets/tls/v3',
  'envoy/extensions/transport_sockets/raw_buffer/v3',
  'envoy/extensions/transport_sockets/proxy_protocol/v3',
  'envoy/extensions/access_loggers/file/v3',
  'envoy/extensions/access_loggers/stream/v3',
  'envoy/extensions/access_loggers/open_telemetry/v3',
  'envoy/extensions/access_loggers/grpc/v3',
  'envoy/extensions/access_loggers/filters/cel/v3',
  'envoy/service/accesslog/v3',
  'envoy/extensions/request_id/uuid/v3',
  'envoy/config/trace/v3/zipkin.proto',
  'envoy/config/trace/v3/opentelemetry.proto',
  'envoy/admin/v3',
  'envoy/service/status/v3',
  'xds/data/orca/v3',
  'istio',
  'opentelemetry',
];

/** Fields that Envoy has and these files do not yet, by the line behind which they go. */
const newerFields = [
  {
    file: 'envoy/config/cluster/v3/circuit_breaker.proto',
    after: 'package envoy.config.cluster.v3;',
    field: 'import "google/protobuf/duration.proto";',
  },
  {
    file: 'envoy/config/cluster/v3/circuit_breaker.proto',
    after: 'message RetryBudget {',
    field: 'google.protobuf.Duration budget_interval = 3;',
  },
  {
    file: 'envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin.proto',
    after: 'message ClientSideWeightedRoundRobin {',
    field: 'repeated string metric_names_for_computing_utilization = 7;',
  },
  {
    file: 'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
    after: 'package envoy.extensions.upstreams.http.v3;',
    field: 'import "envoy/config/common/matcher/v3/matcher.proto";',
  },
  {
    file: 'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
    after: 'message HttpProtocolOptions {',
    field:
      'message OutlierDetection { config.common.matcher.v3.MatchPredicate error_matcher = 1; } OutlierDetection outlier_detection = 8;',
  },
];

const own = path.join(root, 'protos');

/** Does nothing where the output is of this script and these packages already. */
export function generateProtos() {
  const stamp = [
    fs.readFileSync(fileURLToPath(import.meta.url), 'utf8'),
    ...fs
      .readdirSync(own, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.proto'))
      .map((name) => fs.readFileSync(path.join(own, name), 'utf8')),
    ...['@grpc/grpc-js-xds', '@bufbuild/buf', 'ts-proto'].map(
      (name) => JSON.parse(fs.readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version,
    ),
  ].join('\n');
  const stampFile = path.join(out, 'stamp.txt');
  if (fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === stamp) return;

  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'lateen-protos-'));
  // What is under way disturbs nobody who compiles the last one.
  const fresh = `${out}.${process.pid}`;
  try {
    const copy = (from, to) =>
      fs.cpSync(path.join(deps, from), path.join(work, to), {
        recursive: true,
        filter: (source) => fs.statSync(source).isDirectory() || source.endsWith('.proto'),
      });
    copy('envoy-api/envoy', 'envoy');
    copy('xds/xds', 'xds');
    copy('xds/udpa', 'udpa');
    copy('../../grpc-js/proto/xds/xds/data/orca', 'xds/data/orca');
    copy('googleapis/google/api', 'google/api');
    copy('googleapis/google/rpc', 'google/rpc');
    copy('protoc-gen-validate/validate', 'validate');
    fs.cpSync(own, work, { recursive: true });
    // This validate.proto is older than the annotations that use it; they do not matter for the wire.
    for (const file of fs.readdirSync(work, { recursive: true, encoding: 'utf8' })) {
      const full = path.join(work, file);
      if (!file.startsWith('envoy') || !file.endsWith('.proto')) continue;
      const text = fs.readFileSync(full, 'utf8');
      const mended = text.replace(/ignore_empty: true,?/g, '');
      if (mended !== text) fs.writeFileSync(full, mended);
    }
    for (const { file, after, field } of newerFields) {
      const text = fs.readFileSync(path.join(work, file), 'utf8');
      if (!text.includes(after)) throw new Error(`${file} has no line "${after}"`);
      fs.writeFileSync(path.join(work, file), text.replace(after, `${after}\n  ${field}`));
    }
    fs.writeFileSync(path.join(work, 'buf.yaml'), 'version: v2\n');
    fs.writeFileSync(
      path.join(work, 'buf.gen.yaml'),
      JSON.stringify({
        version: 'v2',
        plugins: [
          {
            local: bin('protoc-gen-ts_proto'),
            out: fresh,
            strategy: 'all',
            include_imports: true,
            opt: [
              'env=node',
              'esModuleInterop=true',
              'importSuffix=.js',
              'oneof=unions-value',
              'outputJsonMethods=false',
              'outputServices=grpc-js',
              'outputTypeAnnotations=false',
              'useExactTypes=false',
              'useDate=false',
              'removeEnumPrefix=true',
            ],
          },
        ],
      }),
    );
    const paths = roots.flatMap((name) => ['--path', name]);
    fs.mkdirSync(fresh, { recursive: true });
    execFileSync(bin('buf'), ['generate', ...paths], { cwd: work, stdio: 'inherit' });
    execFileSync(bin('buf'), ['build', ...paths, '--as-file-descriptor-set', '-o', path.join(fresh, 'descriptors.binpb')], {
      cwd: work,
      stdio: 'inherit',
    });
    fs.writeFileSync(path.join(fresh, 'stamp.txt'), stamp);
    fs.rmSync(out, { recursive: true, force: true });
    fs.renameSync(fresh, out);
  } finally {
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generateProtos();
