// Counters of the HTTP/2 codec, under Envoy's names: `http2.*` of the server's listeners, `cluster.<name>.http2.*` of a cluster.
import type { ConnectionFailure } from '#codec/http2/connection-events';

export class Http2Stats {
  streams_active = 0;
  header_overflow = 0;
  inbound_empty_frames_flood = 0;
  inbound_priority_frames_flood = 0;
  inbound_window_update_frames_flood = 0;
  outbound_control_flood = 0;
  keepalive_timeout = 0;
  rx_messaging_error = 0;
  rx_reset = 0;
  tx_reset = 0;
  goaway_sent = 0;
  stream_refused_errors = 0;

  countFailure({ flood }: ConnectionFailure): void {
    this.goaway_sent++;
    switch (flood) {
      case undefined:
        this.rx_messaging_error++;
        break;
      case 'priorities':
        this.inbound_priority_frames_flood++;
        break;
      case 'windowUpdates':
        this.inbound_window_update_frames_flood++;
        break;
      case 'emptyFrames':
        this.inbound_empty_frames_flood++;
        break;
      case 'continuations':
        this.header_overflow++;
        break;
      default:
        // Pings, settings, resets, stream errors and replies: what makes us send.
        this.outbound_control_flood++;
    }
  }
}
