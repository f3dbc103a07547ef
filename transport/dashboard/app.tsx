/**
 * The dashboard: who is nobody signs in, who is somebody sees the page that the address names. Whose session has run out finds
 * it again as it was left.
 */
import { Redirect, Route, Switch } from 'wouter-preact';
import { FailureNotice } from './components/notice.tsx';
import { Toasts } from './components/toasts.tsx';
import { PrivateKeys } from './forms/private-key.tsx';
import { lazily } from './lazily.tsx';
import { HostsPage } from './pages/hosts.tsx';
import { ImagesPage } from './pages/images.tsx';
import { InstancePage } from './pages/instance.tsx';
import { InstancesPage } from './pages/instances.tsx';
import { KeyPairsPage } from './pages/key-pairs.tsx';
import { LaunchPage } from './pages/launch.tsx';
import { Missing } from './pages/missing.tsx';
import { OverviewPage } from './pages/overview.tsx';
import { SignInPage } from './pages/sign-in.tsx';
import { isAdministrator, session, shownSession, shownTo, unknownFor } from './session.ts';
import { Shell } from './shell.tsx';

const ChartPage = lazily(async () => (await import('./chart/chart-page.tsx')).ChartPage);
const ConsolePage = lazily(async () => (await import('./console/console-page.tsx')).ConsolePage);

export function App() {
  return (
    <>
      <Content />
      <Toasts />
    </>
  );
}

function Content() {
  const who = session.value;
  if (who === undefined) return <FailureNotice failure={unknownFor.value} />;
  const shown = shownSession.value;
  return (
    <>
      {shown && (
        <div hidden={who === null}>
          <Shell session={shown}>
            <Pages />
          </Shell>
          <PrivateKeys />
        </div>
      )}
      {who === null && <SignInPage />}
    </>
  );
}

function Pages() {
  return (
    // What a page shows was asked for with other eyes before.
    <Switch key={shownTo.value}>
      <Route path="/">
        <Redirect to="/overview" replace />
      </Route>
      <Route path="/overview" component={OverviewPage} />
      <Route path="/instances" component={InstancesPage} />
      <Route path="/launch" component={LaunchPage} />
      <Route path="/instances/:uuid">{({ uuid }) => <InstancePage key={uuid} uuid={uuid} />}</Route>
      <Route path="/instances/:uuid/chart">{({ uuid }) => <ChartPage key={uuid} uuid={uuid} />}</Route>
      <Route path="/instances/:uuid/console">{({ uuid }) => <ConsolePage key={uuid} uuid={uuid} />}</Route>
      <Route path="/charts/:machine?/:host?">
        {({ machine, host }) => <ChartPage machine={machine} host={host} />}
      </Route>
      <Route path="/images" component={ImagesPage} />
      <Route path="/key-pairs" component={KeyPairsPage} />
      <Route path="/hosts">{isAdministrator.value ? <HostsPage /> : <Missing />}</Route>
      <Route component={Missing} />
    </Switch>
  );
}
