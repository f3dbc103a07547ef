/**
 * What `npm start` and `npm test` go through: brings node_modules up to date, picks a Node that runs TypeScript, and
 * runs a script with it.
 *
 *     node .setup/run.mjs <script.ts> [arguments…]
 *
 * Plain JavaScript without dependencies, for Node 18 and later, because it runs before anything is installed. The
 * script gets our stdio, our signals and our arguments, and its exit code becomes ours.
 */

import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED_NODE = 24;
/** npm and the terminal both deliver one Ctrl-C; signals closer together than this are the same key press. */
const SAME_KEY_PRESS_MS = 500;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const ownNode = join(root, 'node_modules', '.bin', 'node');
const isNewEnough = Number(process.versions.node.split('.')[0]) >= NEEDED_NODE;

const [script, ...scriptArguments] = process.argv.slice(2);
if (!script) {
  console.error('usage: node .setup/run.mjs <script.ts> [arguments…]');
  process.exit(2);
}

const reason = whyStale();
if (reason) install(reason);
run(isNewEnough ? process.execPath : ownNode, [resolve(root, script), ...scriptArguments]);

/** Says why node_modules is not what the lock file asks for, or undefined when it is. */
function whyStale() {
  const wanted = readPackages('package-lock.json');
  if (!wanted) return undefined; // nothing to compare with: an unpacked release, or a broken clone that will tell
  // npm writes this file last of all, so that an interrupted installation has none.
  const present = readPackages(join('node_modules', '.package-lock.json'));
  if (!present) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.optional || entry.link) continue;
    if (present[path]?.version !== entry.version) return `${path} should be version ${entry.version}`;
  }
  if (!isNewEnough && !existsSync(ownNode)) return `Node ${NEEDED_NODE} is missing`;
  return undefined;
}

function readPackages(name) {
  try {
    return JSON.parse(readFileSync(join(root, name), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install(why) {
  console.error(`kilonova: installing npm packages (${why})`);
  // Development packages are always wanted: one of them is the Node that runs the rest.
  const options = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  // The npm that runs us, when one does: it need not be on the path.
  const npm = process.env.npm_execpath;
  const isScript = npm !== undefined && /npm-cli\.[cm]?js$/.test(npm);
  const [command, before] = isScript ? [process.execPath, [npm]] : ['npm', []];
  const result = spawnSync(command, [...before, ...options], { cwd: root, encoding: 'utf8' });
  if (result.status === 0 && (isNewEnough || existsSync(ownNode))) return;
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`.trim());
  if (result.error) console.error(String(result.error));
  console.error(
    result.status === 0
      ? `kilonova: Node ${NEEDED_NODE} did not arrive with the npm packages; run "npm rebuild node", or install it`
      : 'kilonova: npm ci failed',
  );
  process.exit(1);
}

function run(node, args) {
  // The script ends with us even when we are killed outright.
  const guard = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--'] : [];
  const [command, ...rest] = [...guard, node, ...args];
  const child = spawn(command, rest, { stdio: 'inherit' });
  child.on('error', (error) => {
    console.error(`kilonova: cannot run ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));

  const hasTerminal = canOpenTerminal();
  let interruptedAt = 0;
  process.on('SIGINT', () => {
    const now = Date.now();
    if (interruptedAt === 0) {
      interruptedAt = now;
      // A terminal has given it to the whole foreground group already; twice would look like impatience.
      if (!hasTerminal) child.kill('SIGINT');
    } else if (now - interruptedAt > SAME_KEY_PRESS_MS) {
      child.kill('SIGKILL');
    }
  });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
}

function canOpenTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
