/** The screen of a guest, as VNC shows it: scaled to an element. */
import RFB from '@novnc/novnc';
import type { ConsoleView } from './terminal.ts';

export interface ScreenView extends ConsoleView {
  sendCtrlAltDel(): void;
}

export function openScreen(element: HTMLElement): ScreenView {
  let rfb: RFB | undefined;
  /** What leads out of the screen is the browser's. */
  function keepFromGuest(event: KeyboardEvent): void {
    if (event.shiftKey && event.key === 'Tab') event.stopImmediatePropagation();
  }
  element.addEventListener('keydown', keepFromGuest, { capture: true });
  return {
    attach(socket) {
      rfb = new RFB(element, socket);
      rfb.scaleViewport = true;
      rfb.background = 'transparent';
      rfb.focus();
    },
    sendCtrlAltDel: () => rfb?.sendCtrlAltDel(),
    close() {
      element.removeEventListener('keydown', keepFromGuest, { capture: true });
      rfb?.disconnect();
    },
  };
}
