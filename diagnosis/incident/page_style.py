"""The style sheet of a report's page: a phone, a screen, paper; light and dark."""

STYLE = """
:root { --page: #ffffff; --text: #1c2733; --dim: #5a6672; --line: #d5dbe1; --panel: #f3f5f8;
  --accent: #1764a8; --critical: #b3261e; --warning: #8f5a00; --info: #4a5a6a; --held: #fde9c8;
  --good: #1d6b3a; color-scheme: light; }
@media (prefers-color-scheme: dark) { :root { --page: #12181f; --text: #dde4ea; --dim: #9aa7b4;
  --line: #303b46; --panel: #1b232c; --accent: #6cb2f0; --critical: #ff8a80; --warning: #f0b95c;
  --info: #a8b6c4; --held: #3d3320; --good: #7ed09a; color-scheme: dark; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 1rem; max-width: 64rem; background: var(--page);
  color: var(--text); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; padding-bottom: .25rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; line-height: 1.35; margin: 0; }
p { margin: .35rem 0; }
.dim { color: var(--dim); }
.summary { font-size: 1.1rem; font-weight: 600; }
.finding { margin: 1rem 0; padding: .75rem 1rem; background: var(--panel);
  border-left: .3rem solid var(--info); border-radius: .25rem; }
.finding.critical { border-color: var(--critical); }
.finding.warning { border-color: var(--warning); }
.badge { font-size: .75rem; font-weight: 700; letter-spacing: .03em; text-transform: uppercase; }
.badge.critical, .bad { color: var(--critical); }
.badge.warning { color: var(--warning); }
.badge.info { color: var(--info); }
ul { margin: .5rem 0; padding-left: 1.2rem; }
dl { margin: .5rem 0; display: grid; grid-template-columns: 7rem 1fr; gap: .15rem .75rem; }
dt { color: var(--dim); }
dd { margin: 0; }
pre { margin: .5rem 0; padding: .6rem; background: var(--page); border: 1px solid var(--line);
  border-radius: .25rem; white-space: pre-wrap; font: .85rem/1.4 ui-monospace, "DejaVu Sans Mono",
  monospace; }
code { font: .85rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
figure { margin: .75rem 0; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem;
  font-size: .85rem; }
.axis { display: flex; justify-content: space-between; font-size: .75rem; color: var(--dim); }
svg { display: block; width: 100%; }
svg.graph { height: 7rem; background: var(--page); border: 1px solid var(--line); }
.held { fill: var(--held); }
.grid { stroke: var(--line); fill: none; vector-effect: non-scaling-stroke; }
.area { fill: var(--accent); opacity: .18; }
.line { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
svg.band { background: var(--panel); border: 1px solid var(--line); }
.bar.critical { fill: var(--critical); }
.bar.warning { fill: var(--warning); }
.bar.info { fill: var(--info); }
.bar.gap { fill: var(--dim); }
.tick { stroke: var(--dim); stroke-width: 1; fill: none; vector-effect: non-scaling-stroke; }
.tick.mark { stroke: var(--accent); stroke-width: 2; }
.tick.write { stroke: var(--good); }
.tick.bad { stroke: var(--critical); }
.key { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: .35rem 0; padding: 0; list-style: none;
  font-size: .8rem; color: var(--dim); }
.key svg { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem;
  vertical-align: -.1rem; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th { text-align: left; color: var(--dim); font-weight: 600; white-space: nowrap; }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
td.kind { white-space: nowrap; }
td.name { min-width: 12rem; }
td.hash { font: .75rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .3rem; }
  thead { display: none; }
  tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { display: block; border: 0; padding: .05rem 0; }
  td:empty { display: none; }
  td[data-head]::before { content: attr(data-head) " "; color: var(--dim); }
  td.when { white-space: normal; font-weight: 600; }
  td.name { min-width: 0; }
}
@media print {
  :root { --page: #ffffff; --text: #000000; --dim: #444444; --line: #bbbbbb; --panel: #ffffff;
    --accent: #1764a8; --critical: #a01810; --warning: #7a4d00; --info: #444444;
    --held: #fde9c8; --good: #1d6b3a; color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  .finding { border: 1px solid var(--line); border-left-width: .3rem; }
  h1, h2, h3, .head { break-after: avoid; }
  .made { break-before: avoid; }
  td.name { min-width: 9rem; }
  figure, pre, tr, .head { break-inside: avoid; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
