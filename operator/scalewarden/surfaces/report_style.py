"""The report's style sheet: one type scale, light and dark, narrow and wide, on paper."""

CSS = """
:root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d8dee4;--panel:#f6f8fa;
     --kv:#0550ae;--kvband:#0550ae2e;--queue:#8250df;--tps:#0a6b62;--run:#1b1f24;--safe:#1a7f37;
    --fence:#cf222e26; --deny:#b3202c;--hold:#8a5300;--allow:#1a6f31;--gap:#57606a40; --r0:#d8dee4;--r1:#b3202c;
    --r2:#8250df;--r3:#8a5300;--r4:#0550ae;--r5:#1a7f37}
@media (prefers-color-scheme:dark){
  :root{--bg:#0d1117;--ink:#e6edf3;--soft:#9aa4af;--rule:#30363d;--panel:#161b22; --kv:#6cb0ff;
    --kvband:#6cb0ff33;--queue:#c297ff;--tps:#4ac5b6;--run:#e6edf3;--safe:#56d364;--fence:#ff7b7233;
     --deny:#ff8e86;--hold:#e3b341;--allow:#56d364;--gap:#9aa4af40; --r0:#30363d;--r1:#f47067;--r2:#a371f7;
    --r3:#d29922;--r4:#539bf5;--r5:#3fb950}
}
*{box-sizing:border-box}
a{color:var(--kv)}
body{margin:0;background:var(--bg);color:var(--ink);
    font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; font-variant-numeric:tabular-nums;
    -webkit-text-size-adjust:100%;text-size-adjust:100%}
main{max-width:1160px;margin:0 auto;padding:32px 24px 48px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px}
h2{font-size:18px;margin:36px 0 8px}
h3{font-size:15px;margin:24px 0 6px}
p{margin:0 0 8px;max-width:90ch}
.soft{color:var(--soft)}
.lead{font-size:18px;line-height:1.45;margin:16px 0 20px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;background:var(--rule);
     border:1px solid var(--rule);border-radius:6px;overflow:hidden;margin:0}
.tiles div{background:var(--bg);padding:12px 14px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:0;font-size:24px;line-height:1.3;font-weight:600}
.tiles small{display:block;font-size:13px;font-weight:400; color:var(--soft);line-height:1.35}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:6px 14px 6px 0;border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:500;white-space:nowrap}
td.n,th.n{text-align:right}
td.w{overflow-wrap:anywhere}
.nb{white-space:nowrap}
details{border:1px solid var(--rule);border-radius:6px;margin:14px 0}
summary{cursor:pointer;padding:12px 16px;background:var(--panel);border-radius:6px;overflow-wrap:anywhere}
details[open]>summary{border-bottom:1px solid var(--rule);border-radius:6px 6px 0 0}
summary b{margin-right:10px}
.in{padding:12px 16px 16px}
.plot{display:grid;grid-template-columns:46px minmax(0,1fr);column-gap:8px;margin-top:14px}
.plot h4{grid-column:2;margin:0;font-size:13px;font-weight:600;line-height:1.6}
.plot h4 i{font-style:normal;font-weight:400; color:var(--soft);margin-left:12px;white-space:nowrap}
.plot h4 i::before{content:"";display:inline-block;width:14px;height:0;border-top:2px solid;margin-right:5px;
     vertical-align:middle}
i.kv::before{color:var(--kv)}
i.mean::before{border-top:8px solid var(--kvband)!important}
i.queue::before{color:var(--queue)}
i.tps::before{color:var(--tps)}
i.run::before{color:var(--run)}
i.ready::before{color:var(--soft);border-top-style:dotted!important}
i.safe::before{color:var(--safe);border-top-style:dashed!important}
i.fence::before{border-top:8px solid var(--fence)!important}
i.allowline::before{color:var(--hold);border-top-style:dashed!important}
i.denyline::before{color:var(--deny); border-top-style:dashed!important}
.y{position:relative;font-size:12px;color:var(--soft)}
.y span{position:absolute;right:0;transform:translateY(50%)}
.area{position:relative;height:96px;border-left:1px solid var(--rule);border-bottom:1px solid var(--rule)}
.area.tall{height:130px}
.area svg{display:block;position:absolute;inset:0;width:100%;height:100%}
.line,line{fill:none;vector-effect:non-scaling-stroke;stroke-width:1.6;stroke-linejoin:round}
.band{stroke:none}
.line.kv{stroke:var(--kv)}
.band.kv{fill:var(--kvband)}
.line.queue{stroke:var(--queue)}
.line.tps{stroke:var(--tps)}
.line.run{stroke:var(--run);stroke-width:2}
.line.ready{stroke:var(--soft);stroke-dasharray:1.5 3}
.line.safe{stroke:var(--safe);stroke-dasharray:5 3}
.band.fence{fill:var(--fence)}
line.allowline{stroke:var(--hold);stroke-dasharray:4 4;stroke-width:1}
line.denyline{stroke:var(--deny); stroke-dasharray:4 4;stroke-width:1}
line.grid{stroke:var(--rule);stroke-width:1}
.gap{position:absolute;top:0;bottom:0;
    background:repeating-linear-gradient(135deg,var(--gap) 0 2px,transparent 2px 7px)}
.at{position:absolute;top:0;bottom:0;width:0;border-left:1px dashed var(--soft)}
.at.Deny{border-color:var(--deny)}
.at.Hold{border-color:var(--hold)}
.at.Allow{border-color:var(--allow)}
.marks{position:relative;height:24px}
.mark{position:absolute;top:2px;transform:translateX(-50%);min-width:18px;height:18px; padding:0 4px;
    border-radius:9px;color:var(--bg);font-size:11px;font-weight:700;line-height:18px;text-align:center}
.mark.Deny,.b.Deny{background:var(--deny)}
.mark.Hold,.b.Hold{background:var(--hold);border-radius:3px}
.mark.Allow,.b.Allow{background:var(--allow);border-radius:2px 9px}
.b{display:inline-block;min-width:48px;padding:0 7px;border-radius:9px;color:var(--bg);font-size:12px;
    font-weight:600; line-height:20px;text-align:center}
.strip{position:relative;height:14px;background:var(--r0)}
.strip span{position:absolute;top:0;bottom:0}
.x{position:relative;height:20px;font-size:12px;color:var(--soft)}
.x span{position:absolute;transform:translateX(-50%); top:3px;white-space:nowrap}
.x span:first-child.edge{transform:none}
.x span.last{transform:translateX(-100%)}
.key{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12px;color:var(--soft);grid-column:2;margin-top:4px}
.key span::before{content:"";display:inline-block;width:10px;height:10px;margin-right:5px;background:currentColor}
.key b{font-weight:400;color:var(--soft)}
footer{margin-top:40px;color:var(--soft);font-size:13px}
@media (max-width:640px){
  main{padding:20px 14px 32px}
  h1{font-size:21px}
  .lead{font-size:16px}
  .tiles{grid-template-columns:1fr 1fr}
  .tiles div:last-child:nth-child(odd){grid-column:1/-1}
  .in{padding:10px 10px 14px}
  .plot{grid-template-columns:34px minmax(0,1fr);column-gap:6px}
  .x span.odd{display:none}
  .cards thead{display:none}
  .cards tr{display:block;border-bottom:1px solid var(--rule);padding:8px 0}
  .cards td{display:block;border:0;padding:1px 0;text-align:left}
  .cards td[data-h]::before{content:attr(data-h) ": "; color:var(--soft)}
  .brief td{display:inline-block;padding-right:12px}
  .brief td:first-child{display:block}
  .brief td:first-child::before{content:none!important}
}
@media print{
  :root{color-scheme:light}
  main{max-width:none;padding:0}
  details{break-inside:auto;border:0}
  summary{background:none;padding:8px 0}
  .plot{break-inside:avoid}
  *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""
