// Envoy's compression libraries as node:zlib has them: gzip and brotli.

import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createBrotliDecompress, createGunzip, createGzip } from 'node:zlib';
import type { TypedExtensionConfig } from '#codec/protobuf/generated/envoy/config/core/v3/extension';
import { Brotli } from '#codec/protobuf/generated/envoy/extensions/compression/brotli/compressor/v3/brotli';
import { Gzip, Gzip_CompressionLevel as Level } from '#codec/protobuf/generated/envoy/extensions/compression/gzip/compressor/v3/gzip';
import { type Findings, messageName } from '#proxy/config/findings';

export interface CompressionLibrary {
  /** Of `content-encoding`. */
  readonly encoding: 'gzip' | 'br';
  /** Each part of a body can be read as soon as it has come. */
  create(): Transform;
}

const none: CompressionLibrary = { encoding: 'gzip', create: createGzip };

export function decodeCompressor(library: TypedExtensionConfig | undefined, field: string, findings: Findings): CompressionLibrary {
  const any = library?.typedConfig;
  switch (any && messageName(any)) {
    case 'envoy.extensions.compression.gzip.compressor.v3.Gzip': {
      const { compressionLevel, memoryLevel } = Gzip.decode(any!.value);
      const level = gzipLevels[compressionLevel] ?? compressionLevel;
      const options = { flush: constants.Z_SYNC_FLUSH, level, ...(memoryLevel && { memLevel: memoryLevel }) };
      return { encoding: 'gzip', create: () => createGzip(options) };
    }
    case 'envoy.extensions.compression.brotli.compressor.v3.Brotli': {
      const { quality } = Brotli.decode(any!.value);
      const params = { [constants.BROTLI_PARAM_QUALITY]: quality ?? brotliQualityDefault };
      return { encoding: 'br', create: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH, params }) };
    }
    default:
      findings.report(field, `${any?.typeUrl ?? 'no library'} is not supported: gzip and brotli are`);
      return none;
  }
}

export function decodeDecompressor(library: TypedExtensionConfig | undefined, field: string, findings: Findings): CompressionLibrary {
  const any = library?.typedConfig;
  switch (any && messageName(any)) {
    case 'envoy.extensions.compression.gzip.decompressor.v3.Gzip':
      return { encoding: 'gzip', create: createGunzip };
    case 'envoy.extensions.compression.brotli.decompressor.v3.Brotli':
      return { encoding: 'br', create: createBrotliDecompress };
    default:
      findings.report(field, `${any?.typeUrl ?? 'no library'} is not supported: gzip and brotli are`);
      return none;
  }
}

const brotliQualityDefault = 3;

/** Envoy's names for levels; the others are zlib's numbers. */
const gzipLevels: Readonly<Record<number, number>> = {
  [Level.DEFAULT_COMPRESSION]: constants.Z_DEFAULT_COMPRESSION,
  [Level.BEST_SPEED]: constants.Z_BEST_SPEED,
  [Level.COMPRESSION_LEVEL_9]: constants.Z_BEST_COMPRESSION,
};
