// Istio's names of the secrets that a workload's agent gives to its proxy.

/** The workload's own certificate. */
export const ownCertificate = 'default';
/** Whom the mesh trusts. */
export const meshRoots = 'ROOTCA';
