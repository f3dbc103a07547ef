/** How a chart looks: in a file of its own by what its reader prefers, in a page by the page's own colours. */

export const chartStyle = `
.chart {
  --ink: #1f2328; --muted: #59636e; --edge: #8b949e; --line: #6e7781; --accent: #0969da; --failure: #cf222e;
  --even: #f6f8fa; --odd: #ffffff; --invoke: #ddf4ff; --invoked: #0550ae;
  font: 11px Helvetica, Arial, 'Liberation Sans', sans-serif; background: var(--even);
}
@media (prefers-color-scheme: dark) {
  .chart {
    --ink: #e6edf3; --muted: #9198a1; --edge: #57606a; --line: #8b949e; --accent: #58a6ff; --failure: #ff7b72;
    --even: #0d1117; --odd: #161b22; --invoke: #12253d; --invoked: #79c0ff;
  }
}
.chart text { fill: var(--ink); }
.chart .frame, .chart .end { stroke: var(--edge); fill: none; }
.chart .even > .frame { fill: var(--even); }
.chart .odd > .frame { fill: var(--odd); }
.chart .parallel > .frame, .chart .state[data-state=''] > .frame { stroke: none; }
.chart .name { font-size: 13px; font-weight: 600; }
.chart [data-state=''] > .name { font-size: 18px; }
.chart .note { fill: var(--muted); }
.chart .invoke { fill: var(--invoke); }
.chart .invoked { fill: var(--invoked); }
.chart .step circle { fill: none; stroke: var(--edge); }
.chart .exit .words { fill: var(--muted); }
.chart .exit .target { fill: var(--accent); }
.chart .exit.failure .words, .chart .label.failure text { fill: var(--failure); }
.chart .line path { fill: none; stroke: var(--line); stroke-width: 1.25; }
.chart .line.failure path { stroke: var(--failure); stroke-dasharray: 5 3; }
.chart .beginning circle, .chart #arrow path { fill: var(--line); }
.chart #arrow-failure path { fill: var(--failure); }
.chart .label text { text-anchor: middle; paint-order: stroke; stroke-width: 5px; stroke-linejoin: round; }
.chart .label.even text { stroke: var(--even); }
.chart .label.odd text { stroke: var(--odd); }
`;
