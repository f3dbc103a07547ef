/**
 * The serial console of a simulated guest: there is no guest, so a few words of its own stand for a shell. It behaves as a
 * terminal does: it echoes what is typed, a line at a time, and waits for whoever reads it.
 */
import { Duplex } from 'node:stream';
import type { Clock } from '../../transport/clock.ts';

/** What of the guest one can see and do at its console. */
export interface ConsoleGuest {
  readonly hostname: string;
  powerOff(): void;
}

const greeting = 'This guest is simulated: no machine is behind this console. `help` says what it knows.';
const prompt = '/ # ';
const help = [
  'help          this',
  'echo <words>  says them',
  'hostname      what the guest is called',
  'uname         what it would run',
  'yes           says y until Ctrl-C',
  'poweroff      switches the guest off',
];
/** How much `yes` says in one go. */
const mouthful = 'y\r\n'.repeat(1_000);
const mostTyped = 1_024;

export class SimulatedConsole extends Duplex {
  readonly #guest: ConsoleGuest;
  readonly #clock: Clock;
  #typed = '';
  #saysYes = false;
  #isWanted = false;

  constructor(guest: ConsoleGuest, clock: Clock) {
    super({ allowHalfOpen: false });
    this.#guest = guest;
    this.#clock = clock;
    this.#say(`${greeting}\r\n${prompt}`);
  }

  /** The guest is off. */
  finish(): void {
    this.#saysYes = false;
    this.push(null);
  }

  override _read(): void {
    this.#isWanted = true;
    this.#goOn();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (const key of chunk.toString('latin1')) this.#press(key);
    done();
  }

  #press(key: string): void {
    if (key === '\u0003') {
      this.#saysYes = false;
      this.#typed = '';
      this.#say(`^C\r\n${prompt}`);
    } else if (this.#saysYes) {
      // As a program that does not read what is typed.
    } else if (key === '\r' || key === '\n') {
      this.#enter();
    } else if (key === '\u007f' || key === '\b') {
      if (this.#typed === '') return;
      this.#typed = this.#typed.slice(0, -1);
      this.#say('\b \b');
    } else if (key >= ' ' && this.#typed.length < mostTyped) {
      this.#typed += key;
      this.#say(key);
    }
  }

  #enter(): void {
    const [command = '', ...words] = this.#typed.trim().split(/\s+/);
    this.#typed = '';
    this.#say('\r\n');
    for (const line of this.#run(command, words)) this.#say(`${line}\r\n`);
    if (!this.#saysYes) this.#say(prompt);
  }

  #run(command: string, words: string[]): string[] {
    switch (command) {
      case '':
        return [];
      case 'help':
        return help;
      case 'echo':
        return [words.join(' ')];
      case 'hostname':
        return [this.#guest.hostname];
      case 'uname':
        return ['Linux (simulated)'];
      case 'yes':
        this.#saysYes = true;
        this.#goOn();
        return [];
      case 'poweroff':
        this.#guest.powerOff();
        return [];
      default:
        return [`${command}: not known here, try help`];
    }
  }

  /** A mouthful each time that there is room for it, so that others have their turn. */
  #goOn(): void {
    if (!this.#saysYes || !this.#isWanted) return;
    this.#isWanted = false;
    this.#clock.after(0, () => {
      if (this.#saysYes) this.#say(mouthful);
    });
  }

  #say(text: string): void {
    if (!this.readableEnded && !this.destroyed) this.push(Buffer.from(text, 'latin1'));
  }
}
