// What Istio asks of a RequestAuthentication beyond its structure.

import { isPlainObject } from '../json.ts';
import type { JwtRule, RequestAuthentication } from '../kinds/request-authentication.ts';
import { checkTarget } from './policy-target.ts';
import type { Report } from './report.ts';

export function checkRequestAuthentication({ spec = {} }: RequestAuthentication, report: Report): void {
  checkTarget(spec, report);
  for (const [index, rule] of (spec.jwtRules ?? []).entries()) checkJwtRule(rule, `spec.jwtRules[${index}]`, report);
}

function checkJwtRule({ issuer, jwksUri, jwks_uri, jwks }: JwtRule, at: string, report: Report): void {
  if (!issuer && !jwksUri && !jwks_uri) {
    report.error(
      'MISSING_FIELD',
      `${at}.issuer`,
      'one of issuer, jwksUri is required',
      'without jwksUri the keys are looked up at the issuer',
    );
  }
  if (jwks && !isKeySet(jwks))
    report.error('INVALID_VALUE', `${at}.jwks`, 'is no set of keys', 'write the JSON {"keys": [...]}, or one key');
}

/** A JSON Web Key Set, or a key alone (RFC 7517). */
function isKeySet(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    if (!isPlainObject(value)) return false;
    const keys: unknown = value['keys'] ?? [value];
    return Array.isArray(keys) && keys.every((key) => isPlainObject(key) && typeof key['kty'] === 'string');
  } catch {
    return false;
  }
}
