/** The console page: what a guest shows, and what is typed to it. */
import { Page } from '../components/page.tsx';

export function ConsolePage({ uuid }: { uuid: string }) {
  return <Page title={`Console of ${uuid}`}>{null}</Page>;
}
