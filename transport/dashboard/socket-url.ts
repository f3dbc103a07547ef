/** The whole address of a WebSocket of the server: not every browser takes a part of one. */
export function socketUrl(path: string): URL {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
