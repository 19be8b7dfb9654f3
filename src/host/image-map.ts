// Which local command stands for a container image. Pure. Lateen pulls no images: it maps those of its samples; a user maps
// theirs with a file (`lateen up --image-map FILE`), or names a command in the annotation `lateen.dev/command`.

export interface ImageMapping {
  /** Without registry and tag: `examples-bookinfo-details-v1`; or in full. `*` stands for any text. */
  image: string;
  /** Program and arguments; `$(NAME)` stands for the container's variable of that name. */
  command: readonly string[];
  env?: Readonly<Record<string, string>>;
}

export class ImageMap {
  private readonly patterns: readonly { pattern: RegExp; mapping: ImageMapping }[];

  /** The first mapping that matches wins. */
  constructor(mappings: readonly ImageMapping[]) {
    this.patterns = mappings.map((mapping) => ({ pattern: patternOf(mapping.image), mapping }));
  }

  find(image: string): ImageMapping | undefined {
    const candidates = [image, repositoryOf(image), nameOf(image)];
    return this.patterns.find(({ pattern }) => candidates.some((text) => pattern.test(text)))?.mapping;
  }
}

/** Without tag and digest: `docker.io/istio/examples-bookinfo-details-v1`. */
function repositoryOf(image: string): string {
  const digest = image.indexOf('@');
  const plain = digest < 0 ? image : image.slice(0, digest);
  const colon = plain.lastIndexOf(':');
  return colon > plain.lastIndexOf('/') ? plain.slice(0, colon) : plain;
}

/** The last part of the repository. */
function nameOf(image: string): string {
  const repository = repositoryOf(image);
  return repository.slice(repository.lastIndexOf('/') + 1);
}

function patternOf(text: string): RegExp {
  const escaped = text.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

/** Fills in `$(NAME)`; a name that is not there stays as it is, as in Kubernetes. `$$(NAME)` is a literal. */
export function expandVariables(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$?)\(([A-Za-z_][\w.-]*)\)/g, (whole, doubled: string, name: string) =>
    doubled === '$' ? whole.slice(1) : (env[name] ?? whole),
  );
}
