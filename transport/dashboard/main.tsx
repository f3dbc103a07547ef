/** Where the page begins. */
import './style/tokens.css';
import './style/base.css';
import './style/components.css';
import './style/shell.css';
import './style/pages.css';
import { render } from 'preact';
import { toFailure } from '../../machines/failure.ts';
import { App } from './app.tsx';
import { FailureNotice } from './components/notice.tsx';
import { keepConnected } from './live/connection.ts';
import { hearAlarms } from './live/hosts.ts';
import { keepInstances } from './live/instances.ts';
import { resumeSession } from './session.ts';

const root = document.getElementById('root');
if (root) {
  render(<App />, root);
  resumeSession().then(
    () => {
      keepConnected();
      keepInstances();
      hearAlarms();
    },
    (error: unknown) => render(<FailureNotice failure={toFailure(error)} />, root),
  );
}
