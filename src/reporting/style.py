"""How a report looks: the marks of its verdicts and its style sheet, for a screen, a phone and paper."""

from __future__ import annotations

from src.claims.claim import Verdict
from src.reporting.plotting import BLACK, BLUE, GREY, ORANGE, VERMILION

MARKS = {
    Verdict.REPRODUCED: f'<circle cx="8" cy="8" r="7.5" fill="{BLUE}"/>'
    '<path d="M4.2 8.4 7 11.2 12 5.4" fill="none" stroke="#fff" stroke-width="2"/>',
    Verdict.NOT_REPRODUCED: f'<path d="M1 1h14v14H1z" fill="{VERMILION}"/>'
    '<path d="m4.5 4.5 7 7m0-7-7 7" fill="none" stroke="#fff" stroke-width="2"/>',
    Verdict.ONLY_AS_RELEASED: f'<circle cx="8" cy="8" r="6.7" fill="#fff" stroke="{BLUE}" stroke-width="1.6"/>'
    f'<path d="M8 1a7 7 0 0 0 0 14z" fill="{BLUE}"/>',
    Verdict.NOT_TESTABLE: f'<path d="m8 1.2 6.8 6.8L8 14.8 1.2 8z" fill="#fff" stroke="{GREY}" stroke-width="1.6"/>',
    Verdict.INCONCLUSIVE: f'<path d="m8 1.5 7 13H1z" fill="{ORANGE}" stroke="{BLACK}" stroke-linejoin="round"/>',
    Verdict.NOT_MEASURED: f'<circle cx="8" cy="8" r="6.7" fill="none" stroke="{GREY}" stroke-width="1.6" '
    'stroke-dasharray="2.6 2.6"/>',
}
"""A shape for each, in a square of 16: neither colour nor the word alone says it."""

SHADOW = ", ".join(
    f"linear-gradient(to {side}, #fff 40%, #fff0) {at} / 2.5rem 100% no-repeat local, "
    f"linear-gradient(to {side}, #0003, #0000) {at} / 0.8rem 100% no-repeat scroll"
    for side, at in (("right", "left"), ("left", "right"))
)
"""Behind a table: a shadow at each side where the box can be scrolled on."""

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }}
body {{ max-width: 64rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; background: #fff; color: #1a1a1a;
  font: 1.0625rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: break-word; }}
h1, h2 {{ line-height: 1.2; text-wrap: balance; break-after: avoid; }}
h1 {{ font-size: 1.9rem; margin: 0.5rem 0 1rem; }}
h2 {{ font-size: 1.4rem; margin: 3rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid #d0d0d0; }}
p {{ max-width: 62ch; margin: 0 0 0.9rem; }}
svg {{ width: 0.95em; height: 0.95em; margin-right: 0.4em; vertical-align: -0.1em; flex: none; }}
a {{ color: #00518a; text-underline-offset: 0.15em; }}
:focus-visible {{ outline: 3px solid {BLUE}; outline-offset: 2px; }}
header > p:first-of-type {{ font-size: 1.15rem; }}
.caution {{ padding: 0.5rem 0.9rem; border-left: 0.3rem solid {ORANGE}; background: #fff6e0; font-weight: 600; }}
.findings {{ max-width: 62ch; margin: 0 0 0.9rem; padding-left: 1.2rem; }}
.findings li {{ margin: 0 0 0.5rem; }}
.tally {{ max-width: none; font-weight: 600; }}
.tally > span {{ display: inline-block; }}
nav ul {{ display: flex; flex-wrap: wrap; gap: 0.4rem 1.4rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }}
nav a {{ display: inline-block; padding: 0.2rem 0; }}
.scroll {{ container-type: inline-size; overflow: auto; margin: 1.5rem 0; background: {SHADOW}; }}
table {{ border-collapse: separate; border-spacing: 0; font-size: 0.875rem; line-height: 1.4;
  font-variant-numeric: tabular-nums lining-nums; }}
caption {{ padding: 0 0 0.5rem; text-align: left; }}
caption > span {{ position: sticky; left: 0; display: block; width: fit-content; max-width: min(40rem, 100cqi); }}
caption > span:first-child, summary, figcaption {{ font-size: 0.95rem; font-weight: 600; }}
.same {{ color: #4a4a4a; }}
.same > span {{ white-space: nowrap; }}
th, td {{ padding: 0.35rem 0.75rem 0.35rem 0; border-bottom: 1px solid #e2e2e2; text-align: left;
  vertical-align: top; }}
th {{ font-weight: 600; }}
thead th {{ vertical-align: bottom; border-bottom: 2px solid #1a1a1a; }}
th.number, td.number {{ text-align: right; white-space: nowrap; }}
th.number {{ white-space: normal; }}
td.number {{ padding-right: calc(0.75rem + var(--gap, 0) * 1ch); }}
td.text {{ white-space: nowrap; }}
td.long {{ min-width: 24rem; overflow-wrap: anywhere; }}
details {{ margin: 1.5rem 0; }}
details > .scroll {{ max-height: 85vh; margin: 0.75rem 0 0; border-bottom: 1px solid #d0d0d0; }}
details thead th {{ position: sticky; top: 0; background: #fff; }}
summary {{ max-width: 40rem; padding: 0.4rem 0; cursor: pointer; }}
.count {{ font-weight: 400; color: #4a4a4a; white-space: nowrap; }}
.hidden {{ position: absolute !important; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
.verdicts table {{ width: 100%; font-size: 0.95rem; }}
.verdicts tbody th {{ min-width: 12rem; font-weight: 400; }}
.verdicts td.text {{ white-space: normal; }}
.verdicts td.long {{ min-width: 8rem; }}
.verdict > span {{ display: inline-flex; align-items: baseline; min-width: 9rem; font-weight: 600; }}
.verdict svg {{ position: relative; top: 0.12em; }}
figure {{ margin: 2rem 0; break-inside: avoid; }}
img {{ display: block; max-width: 100%; height: auto; }}
figcaption {{ max-width: 40rem; margin-top: 0.6rem; font-weight: 400; }}
dl {{ display: grid; grid-template-columns: fit-content(45%) 1fr; gap: 0.4rem 1.5rem; font-size: 0.9rem; }}
dt {{ font-weight: 600; }}
dd {{ margin: 0; overflow-wrap: anywhere; white-space: pre-wrap;
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }}
@media screen and (max-width: 40rem) {{
  body {{ padding: 1rem 1rem 3rem; font-size: 1rem; }}
  h1 {{ font-size: 1.5rem; }}
  .verdicts table, .verdicts caption, .verdicts tbody, .verdicts tbody th, .verdicts td {{ display: block; }}
  .verdicts thead {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
  .verdicts tr {{ display: flex; flex-direction: column; padding: 0.8rem 0; border-top: 1px solid #d0d0d0; }}
  .verdicts tbody th, .verdicts td, .verdicts td.number {{ padding: 0.1rem 0; border: 0; text-align: left;
    white-space: normal; }}
  .verdicts td[data-label]:empty {{ display: none; }}
  .verdicts td::before {{ content: attr(data-label) ": "; color: #4a4a4a; }}
  .verdicts .verdict {{ order: -1; }}
  .verdicts .verdict::before {{ content: none; }}
  .verdicts tbody th {{ font-weight: 600; }}
  figure > div {{ overflow: auto; }}
  figure > div:focus img {{ max-width: none; width: 60rem; }}
  figcaption::after {{ content: " (Tap the figure to enlarge it.)"; color: #4a4a4a; }}
  dl {{ display: block; }}
  dd {{ margin-bottom: 0.6rem; }}
}}
@page {{ size: A4; margin: 16mm 15mm 18mm;
  @bottom-center {{ content: counter(page) " / " counter(pages); font: 8pt sans-serif; }} }}
@page landscape {{ size: A4 landscape; }}
@media print {{
  html {{ font-size: 10pt; }}
  body {{ max-width: none; padding: 0; font-size: 1rem; }}
  p {{ orphans: 3; widows: 3; }}
  a {{ color: inherit; }}
  details::details-content {{ content-visibility: visible; display: block; height: auto; }}
  summary {{ list-style: none; break-after: avoid; }}
  .scroll, details > .scroll {{ container-type: normal; max-height: none; overflow: visible; border: 0;
    background: none; }}
  .landscape, details:has(> .landscape), .opening:has(+ .landscape), .opening:has(+ details > .landscape) {{
    page: landscape; }}
  table {{ width: 100%; font-size: clamp(4pt, calc(850pt / var(--width)), 8.5pt); }}
  .landscape table {{ font-size: clamp(4pt, calc(1260pt / var(--width)), 8.5pt); }}
  .verdicts table {{ font-size: 8.5pt; }}
  caption > span {{ position: static; max-width: none; font-size: 8.5pt; }}
  thead {{ display: table-header-group; }}
  details thead th {{ position: static; }}
  tr, dt {{ break-inside: avoid; }}
  th, td {{ padding: 0.25em 0.6em 0.25em 0; }}
  td.number {{ padding-right: calc(0.6em + var(--gap, 0) * 1ch); }}
  td.text {{ white-space: normal; }}
  td.long {{ min-width: 10em; }}
  .verdicts tbody th {{ min-width: 0; }}
  img {{ width: auto; max-height: 220mm; }}
}}
"""
