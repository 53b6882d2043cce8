"""Parts that need time, such as plots: the page is shown at once, and they follow."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn

from . import parts

SOON = 40  # milliseconds, in which the rest of the page is sent


def later(build: Callable[[], pn.viewable.Viewable], height: int = 300) -> pn.viewable.Viewable:
    """What `build` makes, made once the rest of the page is on the screen; a quiet word stands in its place until then."""
    if not pn.state.curdoc:
        return pn.Column(parts.guarded(build), sizing_mode="stretch_width", margin=0)
    place = pn.Column(parts.state("loading", "…"), min_height=height, sizing_mode="stretch_width", margin=0)

    def fill() -> None:
        place.param.update(objects=[parts.guarded(build)], min_height=0)

    if pn.state.loaded:
        pn.state.curdoc.add_timeout_callback(fill, SOON)
    else:
        pn.state.onload(fill)
    return place
