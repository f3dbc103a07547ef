/**
 * The WebSocket on which the facts come. When it is lost it is opened again, later and later, and what was missed comes
 * first; where that is not to be had any more, everybody who shows a state is told to ask for it anew. So they are when it
 * is opened first: what was asked before nothing would follow.
 */
import { effect, signal } from '@preact/signals';
import { type LiveEntry, type LiveFrame, stillEveryMs } from '../../messages/web.ts';
import { resumeSession, viewer } from '../session.ts';
import { socketUrl } from '../socket-url.ts';

const leastPauseMs = 250;
const mostPauseMs = 10_000;
/** Nobody tells that a connection is cut in two: of one that is silent for so long it is believed (ms). */
const mostSilentMs = 3 * stillEveryMs;

/** How it stands: nothing is connected as long as nobody is signed in. */
export const connection = signal<'off' | 'connecting' | 'live' | 'lost'>('off');

export interface LiveListener {
  facts(entries: readonly LiveEntry[]): void;
  /** What is shown may be wrong: it is to be asked for, and the facts follow it. */
  reset(): void;
}

const listeners = new Set<LiveListener>();

/** Hears what happens from now on; returns the function that ends it. */
export function listen(listener: LiveListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Connects while somebody is signed in. */
export function keepConnected(): void {
  effect(() => (viewer.value === undefined ? undefined : connect()));
}

function connect(): () => void {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let place: { epoch: string; sequence: number } | undefined;
  let pauseMs = leastPauseMs;
  let isOver = false;

  function open(): void {
    const opened = new WebSocket(address(place));
    socket = opened;
    listenOn(opened);
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return;
      listenOn(opened);
      take(JSON.parse(data as string) as LiveFrame);
    };
    opened.onclose = () => lose(opened);
  }

  function listenOn(opened: WebSocket): void {
    clearTimeout(silence);
    silence = setTimeout(lose, mostSilentMs, opened);
  }

  function lose(opened: WebSocket): void {
    if (socket !== opened) return;
    socket = undefined;
    clearTimeout(silence);
    opened.close();
    const isNever = connection.value === 'connecting';
    connection.value = 'lost';
    // Better than nothing, until it is opened.
    if (isNever) reset();
    again();
  }

  /** Why a WebSocket was closed or refused the session tells: somebody else's, one with other roles, or none. */
  function again(): void {
    if (isOver) return;
    const pause = pauseMs * (0.5 + Math.random() / 2);
    pauseMs = Math.min(pauseMs * 2, mostPauseMs);
    timer = setTimeout(() => resumeSession().then(() => isOver || open(), again), pause);
  }

  function take(frame: LiveFrame): void {
    switch (frame.type) {
      case 'hello': {
        const isFirst = place === undefined;
        // Otherwise what was missed comes next; of another store, a reset.
        if (place?.epoch !== frame.epoch) place = { epoch: frame.epoch, sequence: frame.sequence };
        pauseMs = leastPauseMs;
        connection.value = 'live';
        if (isFirst) reset();
        return;
      }
      case 'facts': {
        const last = frame.entries.at(-1);
        if (place && last) place.sequence = last.sequence;
        for (const listener of listeners) listener.facts(frame.entries);
        return;
      }
      case 'still':
        if (place) place.sequence = frame.sequence;
        return;
      case 'reset':
        reset();
    }
  }

  connection.value = 'connecting';
  open();
  return () => {
    isOver = true;
    clearTimeout(timer);
    clearTimeout(silence);
    const last = socket;
    socket = undefined;
    last?.close();
    connection.value = 'off';
  };
}

function reset(): void {
  for (const listener of listeners) listener.reset();
}

function address(place: { epoch: string; sequence: number } | undefined): string {
  const url = socketUrl('/live');
  if (place) {
    url.searchParams.set('epoch', place.epoch);
    url.searchParams.set('after', String(place.sequence));
  }
  return url.href;
}
