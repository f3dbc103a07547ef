/** The chart page: a machine as a statechart, with the state of an instance lit. */
import { Page } from '../components/page.tsx';

export function ChartPage({ uuid }: { uuid?: string }) {
  return <Page title={uuid ? `Chart of ${uuid}` : 'Charts'}>{null}</Page>;
}
