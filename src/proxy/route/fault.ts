// A fault to inject: of the fault filter, or of a route in its place.

export interface FaultConfig {
  /** `fraction` in [0, 1] of the requests. */
  readonly delay: { readonly fixedMs: number; readonly fraction: number } | undefined;
  readonly abort: { readonly httpStatus: number; readonly fraction: number } | undefined;
}
