// Results of route tests as JUnit's XML, which CI systems read. Pure.

export interface TestResult {
  name: string;
  origin: { file: string; line: number };
  /** None: it passed. */
  failures: readonly string[];
  /** Origins of the routes that took the call. */
  reached: readonly string[];
  /** Of a failed one. */
  explanation: string;
}

export function formatJunit(results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const cases = results.map(({ name, origin, failures, explanation }) => {
    const open = `  <testcase name="${escapeXml(name)}" classname="${escapeXml(origin.file)}" file="${escapeXml(origin.file)}" line="${origin.line}"`;
    if (failures.length === 0) return `${open}/>`;
    return `${open}>\n    <failure message="${escapeXml(failures.join('; '))}">${escapeXml(explanation)}</failure>\n  </testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="lateen test" tests="${results.length}" failures="${failed}">\n${cases.join('\n')}\n</testsuite>\n`;
}

function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no way to write these.
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
