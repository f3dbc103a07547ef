/** A dotted name, as of a state of a chart: where there is little width it is broken at its dots and words. */
import { Fragment } from 'preact';

export function Dotted({ name }: { name: string }) {
  return (
    <>
      {name.split(/(?<=\.)|(?=[A-Z])/).map((part, at) => (
        <Fragment key={at}>
          {at > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}
