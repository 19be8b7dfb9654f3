// What Kubernetes' clients ask first: which groups, versions and resources there are. Pure.
import type { Kind } from '#api/kind';
import { kinds } from '#api/registry';

const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

/** `/api` */
export const coreVersions = { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };

/** `/apis` */
export function groupList(): object {
  const names = [...new Set(kinds.map((kind) => kind.group))].filter((group) => group !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map(groupOf) };
}

/** `/apis/<group>` */
export function group(name: string): object | undefined {
  return name !== '' && kinds.some((kind) => kind.group === name) ? { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(name) } : undefined;
}

function groupOf(name: string): { name: string; versions: object[]; preferredVersion: object | undefined } {
  const versions = [...new Set(kinds.filter((kind) => kind.group === name).flatMap((kind) => kind.versions))];
  const described = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: described, preferredVersion: described[0] };
}

/** `/api/v1`, `/apis/<group>/<version>` */
export function resourceList(groupName: string, version: string): object | undefined {
  const served = kinds.filter((kind) => kind.group === groupName && kind.versions.includes(version));
  if (served.length === 0) return undefined;
  const groupVersion = groupName === '' ? version : `${groupName}/${version}`;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: served.flatMap(resourcesOf) };
}

function resourcesOf(kind: Kind): object[] {
  const { plural, singular, shortNames, namespaced } = kind;
  const resource = { name: plural, singularName: singular, namespaced, kind: kind.kind, verbs, shortNames };
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind: kind.kind, verbs: ['get', 'patch', 'update'] };
  return [resource, status];
}
