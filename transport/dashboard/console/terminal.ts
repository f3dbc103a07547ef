/** The serial console of a guest: a terminal that fills an element. */
import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import { allowStyledSpans, withAllowedStyles } from './allowed-styles.ts';
import { sendBytes } from './console-connection.ts';

const theme = { background: '#10141a', foreground: '#e6e9ee', cursor: '#8ea9ff', selectionBackground: '#3a4a7a' };

export interface ConsoleView {
  /** Shows what comes, and sends what is typed. */
  attach(socket: WebSocket): void;
  close(): void;
}

export interface TerminalView extends ConsoleView {
  /** Whether what comes is told to a screen reader, which costs some work. */
  readAloud(isWanted: boolean): void;
}

export function openTerminal(element: HTMLElement): TerminalView {
  const fontFamily = getComputedStyle(element).getPropertyValue('--mono');
  // At its own height a line cuts off the underscores of many fonts.
  const terminal = new Terminal({
    fontFamily,
    fontSize: 14,
    lineHeight: 1.2,
    theme,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    scrollback: 5_000,
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  const forbidStyledSpans = allowStyledSpans();
  withAllowedStyles(() => terminal.open(element));
  fit.fit();
  const resized = new ResizeObserver(() => fit.fit());
  resized.observe(element);
  terminal.attachCustomKeyEventHandler((event) => isForGuest(event, terminal));
  let attached: WebSocket | undefined;
  const encoder = new TextEncoder();
  terminal.onData((text) => attached && sendBytes(attached, encoder.encode(text)));
  // What a mouse does in a program of the guest is no text.
  terminal.onBinary(
    (text) =>
      attached &&
      sendBytes(
        attached,
        Uint8Array.from(text, (byte) => byte.charCodeAt(0)),
      ),
  );
  return {
    attach(socket) {
      attached = socket;
      terminal.reset();
      socket.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) terminal.write(new Uint8Array(data));
      });
      terminal.focus();
    },
    readAloud(isWanted) {
      terminal.options.screenReaderMode = isWanted;
    },
    close() {
      resized.disconnect();
      terminal.dispose();
      forbidStyledSpans();
    },
  };
}

/** All other keys are the browser's: they copy and paste, and lead out of the terminal. */
function isForGuest(event: KeyboardEvent, terminal: Terminal): boolean {
  const { key, ctrlKey, shiftKey, type } = event;
  if (shiftKey && key === 'Tab') return false;
  if (!ctrlKey) return true;
  if (key === 'V' || (key === 'v' && shiftKey)) return false;
  const copies = key.toLowerCase() === 'c' && (shiftKey || terminal.hasSelection());
  if (copies && type === 'keydown') {
    // With Shift it would open the browser's own tools.
    event.preventDefault();
    document.execCommand('copy');
    terminal.clearSelection();
  }
  return !copies;
}
