// What `lateen up` shows: a line per step while it starts, then a table. In a terminal the lines are rewritten in place;
// elsewhere each is printed once, when it is done.
import Table from 'cli-table3';
import pc from 'picocolors';

export interface Screen {
  write(text: string): void;
  /** Lines may be rewritten. */
  interactive: boolean;
}

export interface Step {
  /** A word on how far it is: `4 of 7 pods`. */
  progress(detail: string): void;
  done(detail?: string): void;
}

export class UpScreen {
  private open = false;

  constructor(private readonly screen: Screen) {}

  step(title: string): Step {
    let last = '';
    const line = (mark: string, detail: string) => `${mark} ${title}${detail === '' ? '' : ` ${pc.dim(detail)}`}`;
    this.rewrite(line(pc.yellow('…'), ''), false);
    return {
      progress: (detail) => {
        if (detail === last) return;
        last = detail;
        this.rewrite(line(pc.yellow('…'), detail), false);
      },
      done: (detail = '') => this.rewrite(line(pc.green('✓'), detail), true),
    };
  }

  /** `rows`: what, where. */
  table(rows: readonly (readonly [string, string])[]): void {
    const table = new Table({ chars: borderless, style: { head: [], border: [], 'padding-left': 2, 'padding-right': 2 } });
    table.push(...rows.map(([what, where]) => [pc.bold(what), where]));
    this.screen.write(`\n${table.toString()}\n\n`);
  }

  note(text: string): void {
    this.screen.write(`${text}\n`);
  }

  private rewrite(line: string, final: boolean): void {
    if (!this.screen.interactive) {
      if (final) this.screen.write(`${line}\n`);
      return;
    }
    this.screen.write(`${this.open ? '\r\u001b[2K' : ''}${line}${final ? '\n' : ''}`);
    this.open = !final;
  }
}

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};
