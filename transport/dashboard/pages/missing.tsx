/** What is shown at an address that leads nowhere. */
import { Link } from 'wouter-preact';
import { Page } from '../components/page.tsx';

export function Missing() {
  return (
    <Page title="Nothing here">
      <p>
        There is no page at this address. <Link to="/instances">To the instances</Link>
      </p>
    </Page>
  );
}
