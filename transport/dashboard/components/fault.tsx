/** What went wrong with an instance, and the hosts where it did. */
import type { InstanceView } from '../../messages/api/instance.ts';
import { formatMoment } from '../format.ts';
import { Notice, sentence } from './notice.tsx';

export function Fault({ instance: { fault, tried, hostStatus, host, lock } }: { instance: InstanceView }) {
  return (
    <>
      {hostStatus === 'down' && (
        <Notice kind="error">
          Host {host} is down: nobody knows what the guest does. It can be deleted, or evacuated by an administrator.
        </Notice>
      )}
      {lock && (
        <Notice kind="information">
          Locked by {lock.by === 'admin' ? 'an administrator' : 'its owner'}
          {lock.reason ? `: ${lock.reason}` : ''}.
        </Notice>
      )}
      {fault && (
        <Notice kind="error">
          <strong>{sentence(fault.message)}</strong>
          <p class="beneath">
            <span class="code">{fault.code}</span> in {fault.step}, {formatMoment(fault.at)}
          </p>
        </Notice>
      )}
      {tried.length > 0 && (
        <details class="tried">
          <summary>Hosts that did not work out: {tried.length}</summary>
          <ol>
            {tried.map(({ host: name, fault: { message, code, step } }, at) => (
              <li key={at}>
                <strong>{name}</strong>: {message} <span class="code">{code}</span> in {step}
              </li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}
