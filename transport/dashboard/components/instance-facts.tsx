/** What an instance is. */
import type { InstanceView } from '../../messages/api/instance.ts';
import { api } from '../../messages/api.ts';
import { ask } from '../ask.ts';
import { formatDisk, formatMemory, formatMoment, plural } from '../format.ts';
import { projectName } from '../live/projects.ts';
import { useAsked } from '../use-asked.ts';
import { Facts } from './facts.tsx';

export function InstanceFacts({ instance }: { instance: InstanceView }) {
  const { flavor, ports, metadata, tags, imageId } = instance;
  const { data: image } = useAsked(() => ask(api.image.get, { image: imageId }), [imageId]);
  const addresses = ports.flatMap((port) => port.addresses);
  const entries = Object.entries(metadata);
  return (
    <section class="panel" aria-labelledby="facts">
      <h2 id="facts">Facts</h2>
      <Facts
        facts={[
          ['State', <span class="code">{instance.state}</span>],
          ['Power', instance.powerState],
          ['Addresses', addresses.length > 0 && <span class="code">{addresses.join(', ')}</span>],
          ['MAC', ports.length > 0 && <span class="code">{ports.map(({ mac }) => mac).join(', ')}</span>],
          ['Host', instance.host],
          ['Zone', instance.availabilityZone],
          [
            'Flavor',
            <>
              {flavor.name}
              <span class="beneath">
                {plural(flavor.vcpus, 'vCPU')}, {formatMemory(flavor.memoryMb)},{' '}
                {flavor.rootGb === 0 ? 'disk as the image’s' : formatDisk(flavor.rootGb)}
              </span>
            </>,
          ],
          ['Before', instance.previousFlavor?.name],
          ['Image', image.value?.image.name ?? <span class="code">{imageId}</span>],
          ['Key pair', instance.keyName],
          ['Security groups', instance.securityGroups.join(', ')],
          ['Hostname', instance.hostname],
          ['Project', <span title={instance.projectId}>{projectName(instance.projectId)}</span>],
          ['User', instance.userId],
          ['Created', formatMoment(instance.createdAt)],
          ['Launched', instance.launchedAt && formatMoment(instance.launchedAt)],
          ['Deleted', instance.terminatedAt && formatMoment(instance.terminatedAt)],
          ['Attempt', instance.attempt > 1 && String(instance.attempt)],
          ['Tags', tags.join(', ')],
          ['UUID', <span class="code wrap">{instance.uuid}</span>],
        ]}
      />
      {entries.length > 0 && (
        <>
          <h3>Metadata</h3>
          <Facts facts={entries} />
        </>
      )}
    </section>
  );
}
