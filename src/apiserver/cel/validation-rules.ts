// `x-kubernetes-validations` of a custom kind: rules in CEL, at every level of its schema, that objects must keep, and that say what a
// change may change.
import { isPlainObject } from '#api/json';
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { type Cel, type Expression, firstLine } from '#codec/cel';
import type { Problem } from '#foundation/problem';
import { StoreError } from '#store/store-error';
import { loadKubernetesCel } from './kubernetes-cel.ts';
import { celValue, nodeOf } from './value.ts';

type Node = Record<string, unknown>;

interface Rule {
  text: string;
  holds: Expression;
  /** It compares with what was there: only of a change. */
  ofChange: boolean;
  message: string | undefined;
  messageOf: Expression | undefined;
  fieldPath: string;
}

/** A level of the schema that has rules, or has some below it. */
interface Level {
  schema: Node;
  rules: readonly Rule[];
  properties: ReadonlyMap<string, Level>;
  /** Of a list or of a map. */
  elements: Level | undefined;
}

const rulesKey = 'x-kubernetes-validations';
const rulesMax = 500;
/** One rule of each of ten thousand elements, or ten of a thousand. */
const evaluationsMax = 10_000;
const problemsMax = 20;
const changePattern = /\boldSelf\b/;

export class ValidationRules {
  private cel: Promise<Cel> | undefined;
  private readonly levels = new WeakMap<Kind, Promise<Level | undefined>>();

  /** What of an object does not keep its kind's rules; `old` is what it replaces. */
  async problems(kind: Kind, object: ApiObject, old: ApiObject | undefined): Promise<Problem[]> {
    const { validated } = kind;
    if (validated === undefined) return [];
    let level = this.levels.get(kind);
    if (!level) this.levels.set(kind, (level = this.compiled(validated)));
    const found = await level;
    return found ? new Evaluation(`${kind.kind} ${keyOf(object.metadata)}`).check(found, object, old, '') : [];
  }

  /** Throws StoreError INVALID where a rule of the schema cannot be compiled. */
  async compiled(schema: Node): Promise<Level | undefined> {
    if (!JSON.stringify(schema).includes(rulesKey)) return undefined;
    this.cel ??= loadKubernetesCel();
    const cel = await this.cel;
    let count = 0;
    const levelOf = (node: Node, path: string): Level | undefined => {
      const rules = (Array.isArray(node[rulesKey]) ? node[rulesKey] : []).map((rule) => ruleOf(cel, nodeOf(rule), path));
      if ((count += rules.length) > rulesMax) throw new StoreError('INVALID', `more than ${rulesMax} rules`);
      const properties = Object.entries(nodeOf(node['properties'])).flatMap(([name, part]) => {
        const level = levelOf(nodeOf(part), `${path}.${name}`);
        return level ? [[name, level] as const] : [];
      });
      const below = node['items'] ?? node['additionalProperties'];
      const elements = isPlainObject(below) ? levelOf(below, `${path}[]`) : undefined;
      const isEmpty = rules.length === 0 && properties.length === 0 && elements === undefined;
      return isEmpty ? undefined : { schema: node, rules, properties: new Map(properties), elements };
    };
    return levelOf(schema, '');
  }
}

function ruleOf(cel: Cel, { rule, message, messageExpression, fieldPath }: Node, path: string): Rule {
  const text = String(rule ?? '');
  try {
    return {
      text,
      holds: cel.compile(text),
      ofChange: changePattern.test(text),
      message: typeof message === 'string' ? message : undefined,
      messageOf: typeof messageExpression === 'string' ? cel.compile(messageExpression) : undefined,
      fieldPath: typeof fieldPath === 'string' ? fieldPath : '',
    };
  } catch (error) {
    throw new StoreError('INVALID', `openAPIV3Schema${path}: rule "${text}": ${firstLine(error)}`, { cause: error });
  }
}

/** Of one object. */
class Evaluation {
  private readonly found: Problem[] = [];
  private evaluations = 0;

  /** Of the object, as people call it. */
  constructor(private readonly name: string) {}

  check(level: Level, value: unknown, old: unknown, path: string): Problem[] {
    for (const rule of level.rules) this.evaluate(rule, level.schema, value, old, path);
    if (Array.isArray(value)) {
      // Which element was which is not known: rules of change are not for them.
      for (const [index, each] of value.entries()) if (level.elements) this.check(level.elements, each, undefined, `${path}[${index}]`);
    } else if (isPlainObject(value)) {
      for (const [name, each] of Object.entries(value)) {
        const below = level.properties.get(name) ?? level.elements;
        if (below) this.check(below, each, isPlainObject(old) ? old[name] : undefined, path === '' ? name : `${path}.${name}`);
      }
    }
    return this.found;
  }

  private evaluate(rule: Rule, schema: Node, value: unknown, old: unknown, path: string): void {
    if ((rule.ofChange && old === undefined) || this.found.length >= problemsMax) return;
    if (++this.evaluations > evaluationsMax) {
      if (this.evaluations === evaluationsMax + 1) this.say(path, `its rules are more than ${evaluationsMax} evaluations`);
      return;
    }
    const context = { self: celValue(schema, value), ...(old !== undefined && { oldSelf: celValue(schema, old) }) };
    const field = rule.fieldPath === '' ? path : `${path}${rule.fieldPath}`.replace(/^\./, '');
    try {
      if (rule.holds(context) !== true) this.say(field, messageOf(rule, context));
    } catch (error) {
      this.say(field, `rule "${rule.text}" cannot be evaluated: ${firstLine(error)}`);
    }
  }

  private say(field: string, message: string): void {
    this.found.push({ level: 'error', code: 'VALIDATION_RULE', object: this.name, message, ...(field !== '' && { field }) });
  }
}

/** What the rule's expression makes, else its message, else the rule. */
function messageOf({ messageOf: made, message, text }: Rule, context: Readonly<Record<string, unknown>>): string {
  try {
    const said = made?.(context);
    if (typeof said === 'string' && said.trim() !== '') return said;
  } catch {
    // An expression for a message that fails counts as none.
  }
  return message ?? `failed rule: ${text}`;
}
