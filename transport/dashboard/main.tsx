/** Where the page begins. */
import './style/tokens.css';
import './style/base.css';
import './style/buttons.css';
import './style/forms.css';
import './style/told.css';
import './style/states.css';
import './style/lists.css';
import './style/drawings.css';
import './style/shell.css';
import './style/page.css';
import './style/sign-in.css';
import './style/toolbar.css';
import './style/instance-grid.css';
import './style/chosen-bar.css';
import './style/launch.css';
import './style/instance.css';
import './style/hosts.css';
import './style/overview.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { keepConnected } from './live/connection.ts';
import { followInstances } from './live/follow-instances.ts';
import { hearAlarms } from './live/hosts.ts';
import { resumeSessionPatiently } from './session.ts';

const root = document.getElementById('root');
if (root) {
  render(<App />, root);
  void resumeSessionPatiently().then(() => {
    keepConnected();
    followInstances();
    hearAlarms();
  });
}
