import type { ConnectProblem } from '../generated/contract';

const codes: Record<ConnectProblem['code'], true> = {
  'bad-address': true,
  'unknown-host': true,
  unreachable: true,
  timeout: true,
  'tls-name': true,
  'tls-untrusted': true,
  'not-central': true,
  elsewhere: true,
  refused: true,
};

/** A host's answer or rejection, if it is a problem with the connection that the interface knows. */
export function asConnectProblem(value: unknown): ConnectProblem | undefined {
  if (typeof value !== 'object' || value === null || !('code' in value)) return undefined;
  return typeof value.code === 'string' && Object.hasOwn(codes, value.code) ? (value as ConnectProblem) : undefined;
}
