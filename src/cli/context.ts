// What the commands are given of the world; main/ makes it of the process, tests make it of themselves.
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { Clock } from '#foundation/clock';
import type { HttpAccess } from '#net/http-access';

export interface CliContext {
  /** Ours. */
  version: string;
  clock: Clock;
  stdout(text: string): void;
  stderr(text: string): void;
  /** All of standard input, for `-f -`. */
  readStdin(): Promise<string>;
  /** Whether messages may be coloured. */
  color: boolean;
  /** Defaults of --api-url, --kubeconfig and --debug-url. */
  apiUrl: string;
  kubeconfig?: string | undefined;
  debugUrl: string;
  /** What `lateen up` has left of the mesh whose API is at this URL; undefined: nothing is known of it here. */
  apiAt?: (url: string) => HttpAccess | undefined;
  /** How values of Envoy's messages are read; without it they are not checked, and EnvoyFilters have no effect. */
  canonicalJson?: () => Promise<CanonicalJson>;
  /** Of the program that makes the HTTP call of its last argument where it runs (main/http-call.ts); without it, none is made inside of pods. */
  httpCallCommand?: readonly string[];
}

export interface GlobalOptions {
  apiUrl?: string;
  kubeconfig?: string;
  debugUrl: string;
}
