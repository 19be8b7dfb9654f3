// How a container sees its volumes: in a mount namespace of its own each is where the pod says; where there is none, words that name such
// a path are given the place where the volume really is. Pure.

export interface Mount {
  /** On this machine. */
  source: string;
  /** In the container. */
  path: string;
  readOnly: boolean;
}

/**
 * A word of a command, or the value of a variable, with every mounted path that it names replaced by the place of the volume: `/etc/app/x`,
 * `--config=/etc/app`, `a:/etc/app:b`.
 */
export function withSources(word: string, mounts: readonly Mount[]): string {
  // The longer path is the nearer one.
  const sorted = [...mounts].sort((a, b) => b.path.length - a.path.length);
  const source = new Map(sorted.map((mount) => [trimmed(mount.path), mount.source]));
  if (source.size === 0) return word;
  const paths = [...source.keys()].map((each) => each.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return word.replaceAll(new RegExp(`(^|[=:,;'"\\s@])(${paths})(?=$|[/:,;'"\\s])`, 'g'), (_, before, path) => before + source.get(path));
}

const trimmed = (path: string) => path.replace(/(?<=.)\/+$/, '');

/** `LATEEN_VOLUME_APP_CONFIG`, for programs that are told by no word. */
export const volumeVariable = (volume: string): string => `LATEEN_VOLUME_${volume.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;

/** What a mount namespace is to show. */
export interface MountPlan {
  mounts: readonly Mount[];
  /** An empty folder, for what the script needs of its own. */
  own: string;
  /** To be seen as /etc/resolv.conf. */
  resolvConf?: string;
}

/**
 * A script of /bin/sh, to be run in a mount namespace of its own: mounts, then becomes the command that its arguments are. A folder that is
 * not there on the machine is made in a layer over the nearest that is, which ends with the namespace; where that is the root itself, in a
 * new root that shows all that the old one has.
 */
export function mountScript({ mounts, own, resolvConf }: MountPlan): string {
  const places = mounts.map(({ source, path, readOnly }) => `place ${quoted(source)} ${quoted(path)} ${readOnly ? 'ro' : 'rw'}`);
  const tops = [...new Set(mounts.map(({ path }) => quoted(`/${path.split('/')[1] ?? ''}`)))];
  return [
    ...(mounts.length > 0 ? [functions(own), `needRoot ${tops.join(' ')}`, ...places] : []),
    // A machine that has no such file of its own is as well served without.
    ...(resolvConf === undefined ? [] : [`mount --bind ${quoted(resolvConf)} "\${root}/etc/resolv.conf" 2>/dev/null`]),
    ...(mounts.length > 0 ? [`[ -z "$root" ] || exec chroot "$root" /bin/sh -c 'cd "$0"; exec "$@"' "$PWD" "$@"`] : []),
    'exec "$@"',
  ].join('\n');
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** `ours`: folders in which this namespace may make others, by colons, which Kubernetes does not allow in a mount's path. */
const functions = (own: string) =>
  `
fail() { echo "lateen: $1 cannot be mounted" >&2; exit 125; }
root= own= ours= layers=0
needOwn() {
  [ -n "$own" ] && return
  own=${quoted(own)}
  mount -t tmpfs tmpfs "$own" || fail "$own"
}
needRoot() {
  for top in "$@"; do [ -e "$top" ] || break; top=; done
  [ -n "$top" ] || return
  needOwn
  root=$own/root
  mkdir "$root"
  for entry in /* /.[!.]*; do
    if [ -L "$entry" ]; then cp -P "$entry" "$root$entry"
    elif [ -d "$entry" ]; then mkdir "$root$entry" && mount --rbind "$entry" "$root$entry" || fail "$entry"
    elif [ -e "$entry" ]; then : > "$root$entry" && mount --bind "$entry" "$root$entry" || fail "$entry"
    fi
  done
}
isOurs() {
  [ "$1" = "$root" ] && return
  IFS=:
  for each in $ours; do case "$1/" in "\${each:-:}"/*) unset IFS; return 0 ;; esac; done
  unset IFS
  return 1
}
cover() {
  needOwn
  layers=$((layers + 1))
  mkdir "$own/upper$layers" "$own/work$layers"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$own/upper$layers,workdir=$own/work$layers" "$1" || fail "$1"
  ours=$ours:$1
}
place() {
  target=$root$2
  if [ ! -e "$target" ]; then
    base=$(dirname "$target")
    while [ ! -d "$base" ]; do base=$(dirname "$base"); done
    isOurs "$base" || cover "$base"
    if [ -d "$1" ]; then mkdir -p "$target"; else mkdir -p "$(dirname "$target")" && : > "$target"; fi
  fi
  mount --bind "$1" "$target" || fail "$2"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$target" 2>/dev/null; else ours=$ours:$target; fi
}`.trim();
