/** The consoles of a guest that is real: its shell, its screen, and its end. In a browser, and byte by byte. */
import { expect, it, onTestFinished } from 'vitest';
import { defaultCacheDir } from '../../actors/setup/cache-dir.ts';
import { buildTestImage } from '../../actors/setup/test-image.ts';
import { api } from '../../transport/messages/api.ts';
import { Browser, startTestWeb } from '../http/support.ts';
import { startRealCloud } from '../libvirt/real-cloud.ts';
import { startBrowser } from '../support/browser.ts';
import { eventually } from '../support/test-cloud.ts';
import { ConsoleClient, standstill, tokenFor } from './console-client.ts';

/** Emulated boots, beside other tests. */
const bootMs = 120_000;

it('are typed at and looked at, stand still when nobody reads, and end with the guest', {
  timeout: 300_000,
}, async () => {
  const image = await buildTestImage({ cacheDir: defaultCacheDir(), report: () => {} });
  const { cloud, launch } = await startRealCloud(image);
  const webRuntime = await cloud.connect();
  const web = await startTestWeb(webRuntime);
  onTestFinished(() => web.stop());
  const uuid = await launch();

  // In a browser: the shell.
  const chromium = await startBrowser();
  onTestFinished(() => chromium.stop());
  const visitor = await chromium.open(web.origin);
  const { page } = visitor;
  await visitor.signIn(cloud.token, `/instances/${uuid}/console`);
  await page.locator('.console[data-standing=open]').waitFor();
  const shown = () => page.locator('.xterm-rows').textContent();
  // A shell that is there already has said so before anybody listened.
  await expect
    .poll(
      async () => {
        await page.keyboard.press('Enter');
        return shown();
      },
      { timeout: bootMs, interval: 1_000 },
    )
    .toMatch(/\/ # .*\/ # /);
  await page.keyboard.type('echo $((6*7)) from $(uname -s)\n');
  await expect.poll(shown, { timeout: 30_000 }).toContain('42 from Linux');
  // Of a colour that is none of the terminal's own.
  await page.keyboard.type("printf '\\033[38;2;255;120;0mora''nge\\033[0m\\n'\n");
  await page.locator('.xterm-rows span', { hasText: /^orange$/ }).waitFor();
  const colour = `getComputedStyle(
    [...document.querySelectorAll('.xterm-rows span')].find(({ textContent }) => textContent === 'orange'),
  ).color`;
  expect(await page.evaluate(colour)).toBe('rgb(255, 120, 0)');
  expect(await visitor.look('console-real')).toEqual([]);

  // The screen.
  await page.getByRole('button', { name: 'Screen' }).click();
  await page.locator('.console.vnc[data-standing=open] canvas').waitFor();
  const litPixels = `(() => {
    const canvas = document.querySelector('.console canvas');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let lit = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] + data[at + 1] + data[at + 2] > 200) lit += 1;
    return lit;
  })()`;
  await expect.poll(() => page.evaluate(litPixels), { timeout: 30_000 }).toBeGreaterThan(100);
  expect(await visitor.look('console-screen')).toEqual([]);
  expect(visitor.takeComplaints()).toEqual([]);
  await visitor.close();

  // Byte by byte: RFB as QEMU speaks it.
  const admin = new Browser(web.origin);
  await admin.signIn(cloud.token);
  const screen = await new ConsoleClient(admin, await tokenFor(cloud.client, uuid, 'vnc')).ready();
  await screen.until(/^RFB 003\.008\n/);
  const afterBytes = (count: number) => eventually(() => (screen.bytes.length >= count ? screen.bytes : undefined));
  screen.type('RFB 003.008\n');
  // One kind of security, which is none; it is chosen, and taken; shared.
  expect([...(await afterBytes(14)).subarray(12)]).toEqual([1, 1]);
  screen.type(Uint8Array.of(1));
  expect([...(await afterBytes(18)).subarray(14)]).toEqual([0, 0, 0, 0]);
  screen.type(Uint8Array.of(1));
  const start = (await afterBytes(18 + 24)).subarray(18);
  const [width, height] = [start.readUInt16BE(0), start.readUInt16BE(2)];
  expect(width * height).toBeGreaterThan(100_000);
  const before = 18 + 24 + start.readUInt32BE(20);
  const request = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  request.writeUInt16BE(width, 6);
  request.writeUInt16BE(height, 8);
  screen.type(request);
  // A framebuffer update: its rectangles, raw, at four bytes a pixel.
  const update = await afterBytes(before + 4);
  expect([update[before], update.readUInt16BE(before + 2) > 0]).toEqual([0, true]);
  await afterBytes(before + 4 + 12 + width);

  // A guest that never stops writing, and nobody who reads.
  const serial = await new ConsoleClient(admin, await tokenFor(cloud.client, uuid)).ready();
  serial.type('yes\r');
  await serial.until(/y\r\ny\r\ny\r\n/);
  serial.socket.pause();
  const { connection } = webRuntime.bus.nats;
  const carried = () => connection.stats().inBytes;
  const [began, stood] = [carried(), await standstill(() => Math.floor(carried() / 65_536))];
  expect(stood * 65_536 - began).toBeLessThan(24 * 1024 * 1024);
  serial.socket.resume();
  serial.type('\u0003');
  serial.type('echo still $((40+2))\r');
  await serial.until(/still 42\r\n/, bootMs);

  // Deleted under both.
  await cloud.client.ask(api.instance.delete, { uuid });
  for (const console of [serial, screen]) expect(await console.ended(bootMs)).toMatchObject({ code: 'conflict' });
});
