"""A hundred strings that have broken pages, tables and logs of others."""

MARK = "window.hostile=1"

SCRIPTS = (
    f"<script>{MARK}</script>",
    f"<ScRiPt>{MARK}</sCrIpT>",
    f"</title><script>{MARK}</script>",
    f"</textarea><script>{MARK}</script>",
    f"</script><script>{MARK}</script>",
    f"<<script>{MARK}//<</script>",
    f"<img src=x onerror={MARK}>",
    f'"><img src=x onerror={MARK}>',
    f"'><img src=x onerror={MARK}>",
    f"<svg onload={MARK}>",
    f"<svg/onload={MARK}//",
    f"<body onload={MARK}>",
    f"<iframe src=javascript:{MARK}>",
    f"<iframe srcdoc='<script>parent.{MARK}</script>'>",
    f"<a href=javascript:{MARK}>x</a>",
    f"javascript:{MARK}",
    f"JaVaScRiPt:{MARK}",
    f"data:text/html,<script>{MARK}</script>",
    f'" onmouseover="{MARK}',
    f"' onfocus='{MARK}' autofocus='",
    f"x onpointerenter={MARK} y",
    f"<details open ontoggle={MARK}>",
    f"<video><source onerror={MARK}>",
    f"<input autofocus onfocus={MARK}>",
    f"<select autofocus onfocus={MARK}>",
    f"<math><mtext></mtext><script>{MARK}</script>",
    f"<style>@import'javascript:{MARK}'</style>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//evil.test>",
    "<base href=//evil.test/>",
    "<meta http-equiv=refresh content=0;url=//evil.test>",
    "<form action=//evil.test><input>",
    "<object data=//evil.test></object>",
    "<embed src=//evil.test>",
    "<!--", "-->", "<![CDATA[", "]]>", "<!doctype html>", "<plaintext>", "<xmp>",
    f"<div hx-get=/ui/ hx-trigger=load hx-on::after-request={MARK}>",
    "<div data-live=1 hx-get=//evil.test hx-trigger=load>",
    f"<div hx-vals='js:{{a:{MARK}}}'>",
)  # fmt: skip
TEMPLATES = (
    "{{7*7}}", "{{ ''.__class__.__mro__ }}", "{% raw %}", "{% include 'layout.html' %}",
    "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{constructor.constructor('x')()}}", "%s%s%n", "{0}{name}",
    "$(id)", "`id`", "|id", "; id", "../../../../etc/passwd", "%00", "%2e%2e%2f",
)  # fmt: skip
STATEMENTS = (
    "' OR '1'='1", "'; DROP TABLE chargers; --", '" OR ""="', "\\'; SELECT 1; --",
    "1) UNION SELECT 1", "%' AND 1=0", "_%_%", "Robert'); --", "\\",
)  # fmt: skip
CELLS = (
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1",
    '=HYPERLINK("http://evil.test")', '","=1+1', "\n=1+1", " =1+1",
)  # fmt: skip
LINES = (
    "a\nb", "a\r\nSet-Cookie: x=y", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x08\x08\x08",
    "\x7f", "\u2028x\u2029", "\u202ereversed", "\ufeff", "\u200b\u200b", "\ud7ff\ue000\ufffd",
    "Z\u0351\u036b\u0343", "\U0001f697\U0001f50b", "\u0130\u0131\u017f", "x" * 50, "\u6f22" * 50,
    '{"a":1}', "[1,2,3]", "null", "NaN", "true", "&lt;b&gt;",
)  # fmt: skip

STRINGS = (*SCRIPTS, *TEMPLATES, *STATEMENTS, *CELLS, *LINES)
