// Every message that analyzers have: its stable code, its name, how grave it is. IST codes are Istio's, with Istio's
// levels; LTN codes are ours.

export type Level = 'Error' | 'Warning' | 'Info';

const table = {
  IST0001: ['InternalError', 'Error'],
  IST0002: ['Deprecated', 'Warning'],
  IST0101: ['ReferencedResourceNotFound', 'Error'],
  IST0102: ['NamespaceNotInjected', 'Info'],
  IST0103: ['PodMissingProxy', 'Warning'],
  IST0106: ['SchemaValidationError', 'Error'],
  IST0107: ['MisplacedAnnotation', 'Warning'],
  IST0108: ['UnknownAnnotation', 'Warning'],
  IST0109: ['ConflictingMeshGatewayVirtualServiceHosts', 'Error'],
  IST0110: ['ConflictingSidecarWorkloadSelectors', 'Error'],
  IST0111: ['MultipleSidecarsWithoutWorkloadSelectors', 'Error'],
  IST0112: ['VirtualServiceDestinationPortSelectorRequired', 'Error'],
  IST0116: ['DeploymentAssociatedToMultipleServices', 'Warning'],
  IST0118: ['PortNameIsNotUnderNamingConvention', 'Info'],
  IST0123: ['NamespaceMultipleInjectionLabels', 'Warning'],
  IST0125: ['InvalidAnnotation', 'Warning'],
  IST0126: ['UnknownMeshNetworksServiceRegistry', 'Error'],
  IST0127: ['NoMatchingWorkloadsFound', 'Warning'],
  IST0128: ['NoServerCertificateVerificationDestinationLevel', 'Warning'],
  IST0129: ['NoServerCertificateVerificationPortLevel', 'Warning'],
  IST0130: ['VirtualServiceUnreachableRule', 'Warning'],
  IST0131: ['VirtualServiceIneffectiveMatch', 'Info'],
  IST0132: ['VirtualServiceHostNotFoundInGateway', 'Warning'],
  IST0133: ['SchemaWarning', 'Warning'],
  IST0134: ['ServiceEntryAddressesRequired', 'Warning'],
  IST0135: ['DeprecatedAnnotation', 'Info'],
  IST0136: ['AlphaAnnotation', 'Info'],
  IST0137: ['DeploymentConflictingPorts', 'Warning'],
  IST0138: ['GatewayDuplicateCertificate', 'Warning'],
  IST0139: ['InvalidWebhook', 'Error'],
  IST0140: ['IngressRouteRulesNotAffected', 'Warning'],
  IST0141: ['InsufficientPermissions', 'Error'],
  IST0142: ['UnsupportedKubernetesVersion', 'Error'],
  IST0143: ['LocalhostListener', 'Error'],
  IST0144: ['InvalidApplicationUID', 'Warning'],
  IST0145: ['ConflictingGateways', 'Error'],
  IST0146: ['ImageAutoWithoutInjectionWarning', 'Warning'],
  IST0147: ['ImageAutoWithoutInjectionError', 'Error'],
  IST0148: ['NamespaceInjectionEnabledByDefault', 'Info'],
  IST0149: ['JwtClaimBasedRoutingWithoutRequestAuthN', 'Error'],
  IST0150: ['ExternalNameServiceTypeInvalidPortName', 'Warning'],
  IST0151: ['EnvoyFilterUsesRelativeOperation', 'Warning'],
  IST0152: ['EnvoyFilterUsesReplaceOperationIncorrectly', 'Error'],
  IST0153: ['EnvoyFilterUsesAddOperationIncorrectly', 'Error'],
  IST0154: ['EnvoyFilterUsesRemoveOperationIncorrectly', 'Error'],
  IST0155: ['EnvoyFilterUsesRelativeOperationWithProxyVersion', 'Warning'],
  IST0156: ['UnsupportedGatewayAPIVersion', 'Error'],
  IST0157: ['InvalidTelemetryProvider', 'Warning'],
  IST0158: ['PodsIstioProxyImageMismatchInNamespace', 'Warning'],
  IST0159: ['ConflictingTelemetryWorkloadSelectors', 'Error'],
  IST0160: ['MultipleTelemetriesWithoutWorkloadSelectors', 'Error'],
  IST0161: ['InvalidGatewayCredential', 'Error'],
  IST0162: ['GatewayPortNotDefinedOnService', 'Warning'],
  IST0163: ['InvalidExternalControlPlaneConfig', 'Warning'],
  IST0164: ['ExternalControlPlaneAddressIsNotAHostname', 'Info'],
  IST0165: ['ReferencedInternalGateway', 'Warning'],
  IST0166: ['IneffectiveSelector', 'Warning'],
  IST0167: ['IneffectivePolicy', 'Warning'],
  IST0168: ['UnknownUpgradeCompatibility', 'Warning'],
  IST0169: ['UpdateIncompatibility', 'Warning'],
  IST0170: ['MultiClusterInconsistentService', 'Warning'],
  IST0171: ['NegativeConditionStatus', 'Warning'],
  IST0172: ['FutureUnsupportedGatewayAPIVersion', 'Warning'],
  IST0173: ['DestinationRuleSubsetNotSelectPods', 'Error'],
  IST0174: ['UnknownDestinationRuleHost', 'Warning'],
  IST0175: ['JwksUriFetchUnrestricted', 'Warning'],
  IST0176: ['GatewayAPICRDVersionBelowMinimum', 'Warning'],
  IST0177: ['ConflictingServiceEntryProtocol', 'Warning'],
  LTN0001: ['ConflictingServerProtocols', 'Warning'],
  LTN0002: ['ConflictingSubsets', 'Warning'],
  LTN0003: ['NotYetInEffect', 'Warning'],
  LTN0004: ['ShadowedRule', 'Warning'],
} as const satisfies Record<string, readonly [name: string, level: Level]>;

export type Code = keyof typeof table;

export const codes = Object.keys(table) as Code[];
export const levelOf = (code: Code): Level => table[code][1];
export const nameOf = (code: Code): string => table[code][0];
/** Istio's page about one of its codes; ours have none. */
export const documentationUrlOf = (code: Code): string | undefined =>
  code.startsWith('IST') ? `https://istio.io/v1.30/docs/reference/config/analysis/${code.toLowerCase()}/` : undefined;

/** From the gravest down. */
export const levels: readonly Level[] = ['Error', 'Warning', 'Info'];
export const atLeast = (level: Level, threshold: Level): boolean => levels.indexOf(level) <= levels.indexOf(threshold);
