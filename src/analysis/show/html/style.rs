//! The appearance of a page: on a screen, light and dark, and on paper.

/// The start of a page, up to the title. The policy forbids everything outside the page itself:
/// scripts, pictures, fonts, frames, forms.
pub(super) const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="referrer" content="no-referrer" />
"#;

/// The style. On paper a folded body stays folded; open bodies are printed.
pub(super) const STYLE: &str = r#"<style>
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fdfdfb; --dim: #5c5c5c; --good: #14691b; --bad: #a3151f; --odd: #7a5200; --edge: #d5d5cf; --client: #0b4a8f; --mark: #fff0b8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e0; --paper: #17181a; --dim: #a6a6a0; --good: #7bd184; --bad: #ff8f8f; --odd: #e8c46a; --edge: #3a3b3e; --client: #8ec1ff; --mark: #4a3d10; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin-top: 2rem; }
a { color: var(--client); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
.findings { padding-left: 1.5rem; } .findings li { margin-bottom: .6rem; } .findings p { margin: 0; color: var(--dim); overflow-wrap: anywhere; }
.level { font-weight: 600; } .must, .security { color: var(--bad); } .should, .difference { color: var(--odd); }
table { border-collapse: collapse; width: 100%; table-layout: fixed; font: 14px/1.45 ui-monospace, Menlo, Consolas, monospace; border-top: 1px solid var(--edge); }
th, td { vertical-align: top; text-align: left; padding: .05rem .4rem; font-weight: inherit; }
thead .row, thead .time { text-align: right; } thead th { color: var(--dim); font: 13px/1.5 system-ui, sans-serif; }
.row { width: 4.5rem; } .time { width: 6rem; } .who { width: 2.6rem; }
tbody td:nth-child(1), tbody td:nth-child(2) { color: var(--dim); text-align: right; }
code, pre { font: inherit; margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
pre { border-left: 2px solid var(--edge); padding-left: .6rem; }
summary { cursor: pointer; color: var(--dim); font-family: system-ui, sans-serif; }
tr.c { background: color-mix(in srgb, var(--client) 9%, transparent); } tr.c code, tr.c th { color: var(--client); font-weight: 600; }
tr.e td, tr.e th, .d { color: var(--dim); } tr.e td:last-child { font-style: italic; }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; } .odd { color: var(--odd); font-weight: 600; }
tr.found td:last-child, mark { color: inherit; background: var(--mark); } tr:target, mark:target { outline: 2px solid var(--odd); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --dim: #444; --edge: #bbb; --client: #0b4a8f; --good: #14691b; --bad: #a3151f; --odd: #7a5200; --mark: #eee; } body { max-width: none; margin: 0; font-size: 11pt; } table { font-size: 9pt; } thead { display: table-header-group; } h2 { break-after: avoid; } tr.c, tr.e { break-inside: avoid; break-after: avoid; } a { text-decoration: none; } }
</style>
"#;
