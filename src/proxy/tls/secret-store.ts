// The secrets that SDS has given, by name. Contexts are made anew when what they name has changed: see tls-context.ts.
import type { TlsSecret } from '#proxy/config/tls';

export class SecretStore {
  private readonly secrets = new Map<string, TlsSecret>();
  /** Counts changes, so that who made something of secrets can tell cheaply whether to look again. */
  revision = 0;

  get(name: string): TlsSecret | undefined {
    return this.secrets.get(name);
  }

  all(): Iterable<TlsSecret> {
    return this.secrets.values();
  }

  set(name: string, secret: TlsSecret): void {
    this.secrets.set(name, secret);
    this.revision++;
  }

  remove(name: string): void {
    if (this.secrets.delete(name)) this.revision++;
  }
}
