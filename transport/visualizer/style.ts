/** How a chart looks. */

/** In a file of its own: light or dark, as its reader prefers. */
export const chartColours = `
.chart {
  --chart-ground: #f6f8fa; --chart-surface: #ffffff; --chart-ink: #1f2328; --chart-muted: #59636e; --chart-edge: #8b949e;
  --chart-line: #6e7781; --chart-accent: #0969da; --chart-failure: #cf222e; --chart-wash: #ddf4ff; --chart-washed: #0550ae;
  background: var(--chart-ground);
}
@media (prefers-color-scheme: dark) {
  .chart {
    --chart-ground: #0d1117; --chart-surface: #161b22; --chart-ink: #e6edf3; --chart-muted: #9198a1; --chart-edge: #57606a;
    --chart-line: #8b949e; --chart-accent: #58a6ff; --chart-failure: #ff7b72; --chart-wash: #12253d; --chart-washed: #79c0ff;
  }
}
`;

/** Whatever its colours are. Sizes are those that it was laid out for. */
export const chartStyle = `
.chart { font: 11px Helvetica, Arial, 'Liberation Sans', sans-serif; }
.chart text { fill: var(--chart-ink); }
.chart .frame, .chart .end { stroke: var(--chart-edge); fill: none; }
.chart .even > .frame { fill: var(--chart-ground); }
.chart .odd > .frame { fill: var(--chart-surface); }
.chart .parallel > .frame, .chart .box[data-state=''] > .frame { stroke: none; }
.chart .name { font-size: 13px; font-weight: 600; }
.chart .box[data-state=''] > .name { font-size: 18px; }
.chart .note { fill: var(--chart-muted); }
.chart .invoke { fill: var(--chart-wash); }
.chart .invoked { fill: var(--chart-washed); }
.chart .step circle { fill: none; stroke: var(--chart-edge); }
.chart .label text { text-anchor: middle; paint-order: stroke; stroke-width: 5px; stroke-linejoin: round; }
.chart .exit .words { fill: var(--chart-muted); }
.chart .exit .target { fill: var(--chart-accent); }
.chart .exit.failure .words, .chart .label.failure text { fill: var(--chart-failure); }
.chart .line path { fill: none; stroke: var(--chart-line); stroke-width: 1.25; }
.chart .line.failure path { stroke: var(--chart-failure); stroke-dasharray: 5 3; }
.chart .beginning circle, .chart #arrow path { fill: var(--chart-line); }
.chart #arrow-failure path { fill: var(--chart-failure); }
.chart .label.even text { stroke: var(--chart-ground); }
.chart .label.odd text { stroke: var(--chart-surface); }
`;
