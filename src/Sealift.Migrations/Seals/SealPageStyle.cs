namespace Sealift.Migrations.Seals;

/// <summary>How the page looks: on a wide screen, a phone, in the dark and on A4.</summary>
internal static class SealPageStyle
{
    // Contrast of every text colour against its paper is at least 4.5 : 1 (WCAG 2.2, 1.4.3) in both schemes.
    public const string Css = """

        :root{color-scheme:light dark;--paper:#fcfbf8;--card:#fff;--ink:#1c2126;--quiet:#586069;--line:#dcd8cf;--bed:#efece5;--data:#41698c;--zero:#7a8b99;--changed:#a0690a;--bad:#a02c20;--good:#1d6b47;--warn:#7d5300}
        @media (prefers-color-scheme:dark){:root{--paper:#15181b;--card:#1b1f23;--ink:#e9e7e2;--quiet:#a2a9b0;--line:#343a40;--bed:#262b30;--data:#7fabd0;--zero:#8b98a5;--changed:#dda84f;--bad:#f1958b;--good:#80cba4;--warn:#e3b563}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif;overflow-wrap:anywhere}
        main{max-width:62rem;margin:0 auto;padding:3.5rem 2rem 4rem}
        h1,h2,.word{font-family:Charter,"Iowan Old Style","Palatino Linotype","Noto Serif","DejaVu Serif",Georgia,serif;font-weight:600;line-height:1.2;letter-spacing:-.01em}
        h1{font-size:2.5rem;margin:.2rem 0 .6rem}
        h2{font-size:1.4rem;margin:0 0 1.1rem}
        h3{font-size:1.02rem;margin:2.2rem 0 .6rem}
        h3:first-of-type{margin-top:0}
        section{border-top:1px solid var(--line);padding:2.2rem 0 .4rem;margin-top:2.2rem}
        p{margin:0 0 .8rem;max-width:46rem}
        ul{padding-left:1.15rem;margin:0 0 .9rem;max-width:46rem}
        li{margin:.2rem 0}
        code,pre,.hex{font-family:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",monospace;font-size:.86em}
        .quiet{color:var(--quiet)}
        .kicker{text-transform:uppercase;letter-spacing:.16em;font-size:.75rem;color:var(--quiet);margin:0}
        .head{display:grid;grid-template-columns:1fr auto;gap:2rem;align-items:start}
        .emblem{width:9.5rem;height:9.5rem;fill:none;stroke:currentColor}
        .emblem .rays{stroke-width:1.5;opacity:.75}.emblem circle{stroke-width:1.6}.emblem .inner{stroke-width:.6}.emblem .glyph{stroke-width:5;stroke-linecap:round;stroke-linejoin:round}
        .tone-sealed{--tone:var(--good)}.tone-degraded{--tone:var(--warn)}.tone-failed{--tone:var(--bad)}.tone-cancelled{--tone:var(--quiet)}
        .head .emblem,.word{color:var(--tone)}
        .verdict{border:1px solid var(--line);border-left:.4rem solid var(--tone);background:var(--card);border-radius:.3rem;padding:1.5rem 1.8rem 1rem;margin:2rem 0}
        .word{font-size:2.1rem;margin:0 0 .5rem}
        .verdict h3{margin:1.1rem 0 .3rem}
        dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(10rem,1fr));gap:1.1rem 1.6rem;margin:0 0 1rem}
        dt{font-size:.8rem;color:var(--quiet)}
        dd{margin:.1rem 0 0}
        .wide{grid-column:1/-1}
        table{border-collapse:collapse;width:100%;font-size:.92rem;margin:0 0 1.4rem}
        caption{text-align:left;color:var(--quiet);font-size:.85rem;padding-bottom:.5rem}
        th,td{text-align:left;vertical-align:top;padding:.5rem 1rem .5rem 0;border-bottom:1px solid var(--line);unicode-bidi:isolate}
        thead th{font-size:.8rem;font-weight:600;color:var(--quiet);white-space:nowrap}
        tbody th{font-weight:600;min-width:7.5rem}.class{min-width:11rem}
        .number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
        .nobreak{white-space:nowrap}
        pre{background:var(--bed);border-radius:.3rem;padding:.9rem 1.1rem;margin:.3rem 0 1.1rem;white-space:pre-wrap;font-size:.8rem;line-height:1.5}
        td pre{margin:.2rem 0 0;padding:.5rem .7rem}
        .mark{font-weight:600;white-space:nowrap}
        .good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
        .chain{list-style:none;padding:0;margin:1.4rem 0 1.6rem;max-width:none;display:grid;grid-template-columns:repeat(4,1fr)}
        .chain li{position:relative;margin:0;padding:0 1.4rem 0 0}
        .chain li::before{content:"";position:absolute;left:0;right:0;top:1.2rem;border-top:2px solid var(--line)}
        .chain li:last-child::before{right:auto;width:2.4rem}
        .chain li.link-off::before{border-top-style:dashed}
        .chain .knot{position:relative;display:grid;place-items:center;width:2.4rem;height:2.4rem;border-radius:50%;border:2px solid var(--ink);background:var(--paper);font-weight:700;margin-bottom:.7rem}
        .link-off .knot{border-style:dashed;border-color:var(--quiet);color:var(--quiet)}
        .link-good .knot{border-color:var(--good);color:var(--good)}.link-broken .knot{border-color:var(--bad);color:var(--bad)}
        .chain strong,.chain span{display:block}
        .chain .full{display:none}
        .chain .line{font-size:.85rem;color:var(--quiet);margin-top:.15rem}
        .chain .line.good{color:var(--good)}.chain .line.bad{color:var(--bad)}
        .chain abbr{text-decoration:none;cursor:help}
        .strip{margin:1.2rem 0 1rem}.strip figcaption{font-size:.8rem;color:var(--quiet);margin-bottom:.3rem}
        details{margin-bottom:.8rem}summary{font-size:.9rem}
        .strip>svg{display:block;width:100%;height:4.6rem}
        .bed{fill:var(--bed)}.data{fill:var(--data)}.zero{fill:url(#hatch)}.changed{fill:var(--changed)}.mismatch{fill:var(--bad)}
        .chart polyline{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}.chart .line-source{stroke:var(--data)}.chart .line-target{stroke:var(--changed)}.chart .line-back{stroke:var(--good);stroke-dasharray:5 3}
        .hatch{stroke:var(--zero);stroke-width:1.6}
        .scale{display:flex;justify-content:space-between;font-size:.75rem;color:var(--quiet);margin-top:.3rem;font-variant-numeric:tabular-nums}
        .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.6rem;padding:0;margin:0 0 1.6rem;font-size:.85rem;max-width:none}
        .swatch{width:.95rem;height:.8rem;vertical-align:-.05rem;margin-right:.25rem}
        .screen{margin:1.2rem 0}.screen img{display:block;max-width:100%;height:auto;border:1px solid var(--line);image-rendering:pixelated}.screen figcaption{font-size:.8rem;color:var(--quiet);margin-top:.3rem}
        .disk{margin:0 0 2.6rem}
        .bar{width:14rem}
        .bar svg{display:block;width:100%;height:.8rem;margin-top:.35rem}
        .defs{position:absolute;width:0;height:0}
        footer{border-top:1px solid var(--line);margin-top:2.4rem;padding-top:1.2rem;font-size:.82rem;color:var(--quiet)}
        @media (max-width:44rem){
        main{padding:1.8rem 1.1rem 3rem}h1{font-size:1.9rem}.head{grid-template-columns:1fr;gap:.8rem}.emblem{width:6.5rem;height:6.5rem}.verdict{padding:1.1rem 1.1rem .6rem}
        .chain{grid-template-columns:1fr}.chain li{padding:0 0 1.3rem 3.5rem;min-height:3.6rem}.chain li::before,.chain li:last-child::before{left:1.2rem;right:auto;width:0;top:0;bottom:0;border-top:0;border-left:2px solid var(--line)}.chain li.link-off::before{border-left-style:dashed}.chain li:last-child::before{display:none}.chain .knot{position:absolute;left:0;top:0;margin:0}
        thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
        table,tbody,tr,th,td,caption{display:block}tr{border-bottom:1px solid var(--line);padding:.6rem 0}th,td{border:0;padding:.1rem 0}.number{text-align:left}
        dl{grid-template-columns:1fr 1fr}tbody th,.class{min-width:0}
        td[data-label]::before{content:attr(data-label) ": ";color:var(--quiet);font-size:.8rem}.bar{width:auto}
        }
        @page{size:A4;margin:16mm 15mm}
        @media print{
        :root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--quiet:#4a5056;--line:#c9c5bc;--bed:#ecebe7;--data:#41698c;--zero:#6c7c8a;--changed:#a0690a;--bad:#8f2318;--good:#175a3b;--warn:#6d4800}
        *{print-color-adjust:exact;-webkit-print-color-adjust:exact}
        body{font-size:10pt;line-height:1.45}main{max-width:none;padding:0}h1{font-size:22pt}h2{font-size:14pt}.word{font-size:19pt}.emblem{width:34mm;height:34mm}
        .head{grid-template-columns:1fr auto}
        section{margin-top:5mm;padding-top:5mm}h2{margin-bottom:3mm}h2,h3,caption,summary{break-after:avoid}.verdict,.chain,.strip,tr,pre,dl>div{break-inside:avoid}
        .verdict{margin:5mm 0;padding:4mm 5mm 2mm}dl{grid-template-columns:repeat(auto-fill,minmax(31mm,1fr));gap:3mm 5mm;font-size:9pt}table{font-size:9pt}.legend{margin-bottom:4mm}.chain{margin:4mm 0}.strip>svg{height:15mm}.disk{margin-bottom:6mm}.bar{width:34mm}th,td{padding:1.4mm 3mm 1.4mm 0}pre{font-size:7.4pt}summary{list-style:none}thead{break-after:avoid}tbody tr:first-child{break-before:avoid}
        .chain{grid-template-columns:repeat(4,1fr)}.chain .full{display:block;font-size:6.8pt;line-height:1.35}.chain .short{display:none}
        a{color:inherit;text-decoration:none}
        }

        """;
}
