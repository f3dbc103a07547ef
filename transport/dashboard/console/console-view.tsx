/** One console of a guest: opened when it is shown, and opened again when that is wanted. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { type Failure, toFailure } from '../../../machines/failure.ts';
import type { ConsoleKind } from '../../messages/console.ts';
import { FailureNotice } from '../components/notice.tsx';
import { connectConsole } from './console-connection.ts';
import type { ScreenView } from './screen.ts';
import type { TerminalView } from './terminal.ts';

type Standing = 'connecting' | 'open' | Failure;

const words = { connecting: 'Connecting…', open: 'Open', closed: 'Closed' };
const names: Record<ConsoleKind, string> = { serial: 'Serial console', vnc: 'Screen' };

// Each is loaded when it is first shown.
const showTerminal = async (element: HTMLElement) => (await import('./terminal.ts')).openTerminal(element);
const showScreen = async (element: HTMLElement) => (await import('./screen.ts')).openScreen(element);

export function ConsoleView({ uuid, kind }: { uuid: string; kind: ConsoleKind }) {
  const standing = useSignal<Standing>('connecting');
  const tries = useSignal(0);
  const element = useRef<HTMLDivElement>(null);
  const shown = useRef<TerminalView | ScreenView>();
  const isReadAloud = useSignal(false);

  useEffect(() => {
    standing.value = 'connecting';
    const left = new AbortController();
    void open(left.signal).catch((error: unknown) => {
      if (!left.signal.aborted) standing.value = toFailure(error);
    });
    return () => left.abort();

    async function open(signal: AbortSignal): Promise<void> {
      if (!element.current) return;
      const view = await (kind === 'serial' ? showTerminal(element.current) : showScreen(element.current));
      signal.addEventListener('abort', () => view.close());
      if (signal.aborted) return view.close();
      shown.current = view;
      readAloud(isReadAloud.value);
      const leave = connectConsole(uuid, kind, {
        onReady(socket) {
          view.attach(socket);
          standing.value = 'open';
        },
        onEnd(failure) {
          standing.value = failure;
        },
      });
      signal.addEventListener('abort', leave);
    }
  }, [uuid, kind, tries.value, standing]);

  function readAloud(isWanted: boolean): void {
    isReadAloud.value = isWanted;
    if (shown.current && 'readAloud' in shown.current) shown.current.readAloud(isWanted);
  }

  function sendCtrlAltDel(): void {
    if (shown.current && 'sendCtrlAltDel' in shown.current) shown.current.sendCtrlAltDel();
  }

  const failure = typeof standing.value === 'object' ? standing.value : undefined;
  const now = typeof standing.value === 'object' ? 'closed' : standing.value;
  return (
    <>
      <div class="console-bar">
        <span role="status">{words[now]}</span>
        <span class="quiet">
          Shift+Tab leads out of it. {kind === 'serial' && 'Ctrl+Shift+C copies, Ctrl+Shift+V pastes.'}
        </span>
        <span class="actions">
          {kind === 'serial' && (
            <label class="check">
              <input
                type="checkbox"
                checked={isReadAloud.value}
                onChange={({ currentTarget }) => readAloud(currentTarget.checked)}
              />
              For screen readers
            </label>
          )}
          {kind === 'vnc' && (
            <button type="button" disabled={now !== 'open'} onClick={sendCtrlAltDel}>
              Ctrl+Alt+Del
            </button>
          )}
          <button
            type="button"
            onClick={() => {
              tries.value += 1;
            }}
          >
            Connect again
          </button>
        </span>
      </div>
      <FailureNotice failure={failure} />
      <section class={`console ${kind}`} aria-label={names[kind]} ref={element} data-standing={now} />
    </>
  );
}
