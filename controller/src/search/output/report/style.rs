//! How the page looks: one column, quiet, light or dark, and on paper.

use crate::plot::PAGE_STYLE;

const PAGE: &str = "\
:root {
  color-scheme: light dark;
  --ink: #1d2126; --muted: #646c75; --line: #dde1e5; --paper: #ffffff; --shade: #f5f6f8;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e9; --muted: #9aa2ab; --line: #343a41; --paper: #16191d; --shade: #1e2227; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif;
}
main { max-width: 792px; margin: 0 auto; padding: 48px 28px 72px; }
.kicker { margin: 0; color: var(--muted); font-size: 14px; letter-spacing: .04em; text-transform: uppercase; }
h1 { margin: 4px 0 10px; font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -.01em; }
h2 { margin: 52px 0 14px; padding-top: 18px; border-top: 1px solid var(--line); font-size: 20px; font-weight: 650; }
h3 { margin: 28px 0 8px; font-size: 16px; font-weight: 650; }
p { margin: 0 0 14px; max-width: 68ch; }
.lead { color: var(--muted); }
table { border-collapse: collapse; width: 100%; font-size: 14px; line-height: 1.45; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--muted); font-weight: 500; border-bottom: 1px solid var(--muted); vertical-align: bottom; }
.n { width: 1%; text-align: right; white-space: nowrap; }
.n:not(:last-child) + :not(.n) { padding-left: 10px; }
thead .n { white-space: normal; min-width: 5.5em; }
thead .n:empty { min-width: 0; }
.facts th { width: 13em; color: var(--muted); font-weight: 400; }
.facts td { overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
td:has(code) { min-width: 15em; }
code { font: 13px/1.45 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
figure { margin: 0 0 28px; }
figcaption { color: var(--muted); font-size: 14px; max-width: 80ch; margin-top: 6px; }
.pictures { display: flex; flex-wrap: wrap; gap: 8px 4px; align-items: flex-start; }
.pictures div { flex: 0 1 366px; }
.scroll + figure { margin-top: 32px; }
h2 + figure, p + figure { margin-top: -6px; }
svg { max-width: 100%; height: auto; overflow: visible; font-variant-numeric: tabular-nums; }
@media print {
  :root { color-scheme: light; --ink: #000; --muted: #444; --line: #bbb; --paper: #fff; }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  svg rect { print-color-adjust: exact; }
}
";

/// The style sheet of the page and of its pictures.
pub(super) fn style() -> String {
    format!("{PAGE}{PAGE_STYLE}")
}
