"""Everything a page loads lies beside it: charts, mathematics and audio work without a network.

Before the build it lays out one folder of scripts (Vega from vl-convert, MathJax from
sphinx-mathjax-offline). Each page that holds a chart gets the Vega bundle, once for the site, and
Altair's loader finds its libraries already there.
"""

import os
import re
from importlib.metadata import files
from pathlib import Path

import altair
import vl_convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

CDN = re.compile(r"https://cdn\.jsdelivr\.net/npm/[^\"'\s]+")


def vega_bundle() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script that tells Altair they are loaded."""
    bundle = vl_convert.javascript_bundle(vl_version=".".join(altair.VEGALITE_VERSION.split(".")[:2]))
    versions = (
        f'{{vega_version: "{altair.VEGA_VERSION}", vegalite_version: "{altair.VEGALITE_VERSION}", '
        f'vegaembed_version: "{altair.VEGAEMBED_VERSION}"}}'
    )
    # in a function of its own: the bundle's short names would collide with the page's
    return f"(function () {{\n{bundle}\n}})();\nvar VEGA_DEBUG = {versions};\n"


def mathjax() -> bytes:
    """Return MathJax 3 as one script without fonts to load."""
    for file in files("sphinx-mathjax-offline") or []:
        if file.name == "tex-svg-full.js":
            return Path(file.locate()).read_bytes()
    raise ExtensionError("sphinx-mathjax-offline holds no tex-svg-full.js; install requirements.txt again")


def lay_out(app: Sphinx) -> None:
    """Write the scripts below the build folder and add them, and the media, to the site."""
    build = Path(os.environ.get("MTLIB_BUILD") or os.path.join(app.srcdir, "_build"))
    tag = build / "CACHEDIR.TAG"  # the mark of `book.builder.build`
    if not tag.is_file() or b"mtlib" not in tag.read_bytes():
        raise ExtensionError(f"{build}: no executed notebooks in it; run `make book`")
    vendor = build / "static" / "vendor"
    vendor.mkdir(parents=True, exist_ok=True)
    for name, content in (("vega.js", vega_bundle().encode()), ("tex-svg-full.js", mathjax())):
        if not (vendor / name).is_file() or (vendor / name).read_bytes() != content:
            (vendor / name).write_bytes(content)
    (build / "extra" / "media").mkdir(parents=True, exist_ok=True)
    app.config.html_static_path.append(str(build / "static"))
    app.config.html_extra_path.append(str(build / "extra"))


def add_vega(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Give the bundle to a page that holds a chart, and no address of a network to any."""
    body = context.get("body", "")
    if "vegaEmbed" in body:
        app.add_js_file("vendor/vega.js")
        context["body"] = CDN.sub("vendor/vega.js", body)


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("builder-inited", lay_out)
    app.connect("html-page-context", add_vega)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
