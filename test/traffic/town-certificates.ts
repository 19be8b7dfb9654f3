// Whom the programs and gateways of the town show, and whom they trust.
import { TestAuthority } from '../certificates.ts';

export const authority = await TestAuthority.create();
export const shop = await authority.issue({ commonName: 'shop', dnsNames: ['shop.example.com'] });
export const client = await authority.issue({ commonName: 'client' });
/** Of clients of gateways: one that has a name, and one whom a stranger vouches for. */
export const named = await authority.issue({ commonName: 'named', dnsNames: ['named.example'] });
export const foreign = await (await TestAuthority.create('another authority')).issue({ commonName: 'foreign' });
/** Of the program `secure-v1`. */
export const secure = await authority.issue({
  commonName: 'secure',
  dnsNames: ['secure.example.com', 'secure.other.example', 'secure-v1.dynamic.example'],
});
