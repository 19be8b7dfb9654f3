// The names of gRPC's statuses, as access logs and filters of logs have them. Pure.

const names = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** `PermissionDenied`, `PERMISSION_DENIED` or 7; a status without a name is its number. Envoy says `Canceled` and `OK` in both. */
export function formatGrpcStatus(status: number, format: 'CAMEL_STRING' | 'SNAKE_STRING' | 'NUMBER'): string | number {
  const name = names[status];
  if (format === 'NUMBER') return status;
  if (name === undefined) return String(status);
  if (format === 'SNAKE_STRING' || status === 0) return name;
  if (status === 1) return 'Canceled';
  return name
    .split('_')
    .map((word) => word[0] + word.slice(1).toLowerCase())
    .join('');
}
