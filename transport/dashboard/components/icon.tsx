/** The pictures of the page: sixteen by sixteen, one line. What they say is said beside them in words. */

const paths = {
  overview: 'M2.5 9.5v4M6.2 5.5v8M9.8 7.5v6M13.5 2.5v11',
  instances: 'M2.5 3.5h11v3.5h-11zM2.5 9h11v3.5h-11zM5 5.25h.01M5 10.75h.01',
  images: 'M8 1.8 14 5v6l-6 3.2L2 11V5zM2 5l6 3.2L14 5M8 8.2v6',
  keys: 'M10.2 9.2a3.4 3.4 0 1 0-3.3-2.6L2 11.5V14h2.5v-1.6h1.6v-1.6h1.6l1-1zM11 5h.01',
  hosts: 'M3 2.5h10v11H3zM5.5 5h5M5.5 7.5h5M8 11h.01',
  charts: 'M2.5 3h4v3.5h-4zM9.5 9.5h4V13h-4zM6.5 4.75h3.25a2 2 0 0 1 2 2V9.5M10 8l1.75 1.75L13.5 8',
  signOut: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3l3.2 3.2',
  add: 'M8 3v10M3 8h10',
  close: 'M4 4l8 8M12 4l-8 8',
  warning: 'M8 2 15 14H1zM8 6.5v3.5M8 12h.01',
  information: 'M8 1.8a6.2 6.2 0 1 1 0 12.4A6.2 6.2 0 0 1 8 1.8M8 7.2v4M8 4.8h.01',
  lock: 'M3.5 7.5h9v6h-9zM5.5 7.5v-2a2.5 2.5 0 0 1 5 0v2',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  download: 'M8 2.5v7.5M5 7.2 8 10l3-2.8M2.5 13h11',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
} as const;
export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
