// The values that routes write into headers: text, and Envoy's commands between percent signs.

/** Why Envoy would refuse the value (`100%` has a command that never ends); undefined where it takes it. */
export function headerValueProblem(value: string): string | undefined {
  for (const character of value) {
    const code = character.charCodeAt(0);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return 'has a control character';
  }
  let rest = value;
  for (let at = rest.indexOf('%'); at >= 0; at = rest.indexOf('%')) {
    rest = rest.slice(at + 1);
    const command = /^(?:%|[^%(]*(?:\(\s*(?:\[\s*"(?:[^"\\)]|\\.)*"(?:\s*,\s*"(?:[^"\\)]|\\.)*")*\s*\]|(?:[^\\)]|\\.)*)\s*\)\s*)?%)/.exec(
      rest,
    );
    if (!command) return 'has a % that begins no command';
    rest = rest.slice(command[0].length);
  }
  return undefined;
}
