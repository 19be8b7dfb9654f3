// What a fault is, decoded.

/** A fault to inject: of the filter, or of a route in its place. `fraction` in [0, 1] of the requests. */
export interface FaultConfig {
  readonly delay: { readonly fixedMs: number; readonly fraction: number } | undefined;
  /** `grpcStatus`: what gRPC clients are told; others get `httpStatus`, which stands for it. */
  readonly abort: { readonly httpStatus: number; readonly grpcStatus?: number; readonly fraction: number } | undefined;
}
