/**
 * Boots the test image under plain QEMU without libvirt, and reads its serial console.
 */

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestImage } from '../../actors/setup/test-image.ts';
import { tryCommand } from '../../actors/setup/try-command.ts';

/** Under emulation, on a machine that does other things too. */
const CONSOLE_DEADLINE_MS = 60_000;

export interface TestGuest {
  /** Resolves with the line that holds `text`, from those written since the last answer. */
  line(text: string): Promise<string>;
  /** The same of several, in whatever order they come. */
  lines(...texts: string[]): Promise<string[]>;
  /** Everything so far. */
  console(): string;
  /** Types a line at the guest's shell. */
  type(text: string): void;
  /** Presses the power button. */
  pressPowerButton(): void;
  /** Resolves when QEMU has ended. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

/** `files` is the config drive: path → content. */
export async function bootTestGuest(image: TestImage, files: Record<string, string>): Promise<TestGuest> {
  const folder = await mkdtemp(join(tmpdir(), 'kilonova-guest-'));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, 'drive', path)), { recursive: true });
    await writeFile(join(folder, 'drive', path), content);
  }
  const iso = ['-quiet', '-V', 'config-2', '-J', '-r', '-o', join(folder, 'drive.iso'), join(folder, 'drive')];
  await must('genisoimage', iso);
  const overlay = ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image.disk, join(folder, 'disk')];
  await must('qemu-img', overlay);

  const child = spawn('qemu-system-x86_64', [
    ...['-accel', 'tcg,tb-size=32', '-m', '96', '-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-serial', 'stdio', '-monitor', `unix:${join(folder, 'monitor')},server,nowait`],
    ...['-kernel', image.kernel, '-initrd', image.ramdisk, '-append', image.kernelArguments],
    ...['-drive', `file=${join(folder, 'drive.iso')},format=raw,if=virtio,readonly=on`],
    ...['-drive', `file=${join(folder, 'disk')},format=qcow2,if=virtio`],
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,romfile='],
  ]);
  const output = new Output();
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.add(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => output.add(text));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  void ended.then(() => output.close());
  return {
    line: async (text) => (await output.lines([text]))[0] ?? '',
    lines: (...texts) => output.lines(texts),
    console: () => output.text,
    type: (text) => void child.stdin.write(`${text}\n`),
    pressPowerButton() {
      const monitor = connect(join(folder, 'monitor'));
      monitor.on('error', () => {});
      // The monitor takes commands after its greeting only.
      monitor.once('data', () => monitor.end('system_powerdown\n'));
    },
    ended,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a guest has written, and who waits for what in it. */
class Output {
  text = '';
  #seen = 0;
  #isClosed = false;
  #check: (() => void) | undefined;

  add(text: string): void {
    this.text += text.replaceAll('\r', '');
    this.#check?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#check?.();
  }

  lines(wanted: readonly string[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer);
        this.#check = undefined;
        act();
      };
      const give = (why: string) => finish(() => reject(new Error(`${why} before it said "${wanted}":\n${this.text}`)));
      const timer = setTimeout(() => give('the time was over'), CONSOLE_DEADLINE_MS);
      this.#check = () => {
        const found = wanted.map((text) => this.#lineWith(text));
        if (found.every((line) => line !== undefined)) {
          this.#seen = Math.max(...found.map(({ end }) => end));
          finish(() => resolve(found.map(({ start, end }) => this.text.slice(start, end))));
        } else if (this.#isClosed) {
          give('the guest ended');
        }
      };
      this.#check();
    });
  }

  /** Where it is, when it is complete. */
  #lineWith(text: string): { start: number; end: number } | undefined {
    const at = this.text.indexOf(text, this.#seen);
    const end = at < 0 ? -1 : this.text.indexOf('\n', at);
    return end < 0 ? undefined : { start: this.text.lastIndexOf('\n', at) + 1, end };
  }
}

async function must(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await tryCommand(command, args);
  if (code !== 0) throw new Error(`${command} failed: ${stderr}`);
}
