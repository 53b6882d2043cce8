"""Figures: a data frame in, a plot out. No file, no database and no state, so that a notebook and the dashboard draw alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import holoviews as hv
import hvplot.pandas  # noqa: F401  gives data frames their .hvplot
import pandas as pd
from bokeh.models import DatetimeTickFormatter, NumeralTickFormatter

from cdmlib.errors import CdmError

COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#8C8C8C")  # told apart by the colour-blind too
MARKERS = ("circle", "square", "triangle", "diamond", "inverted_triangle", "hex", "star")  # colour is never the only signal
HATCHES = (" ", "/", ".", "x", "-", "|", "+")
MEANT = {  # the colour of a word, wherever it is drawn
    "critical": COLORS[3], "major": COLORS[1], "minor": COLORS[4], "open": COLORS[3], "answered": COLORS[0], "closed": COLORS[2],
    "cancelled": COLORS[6], "opened": COLORS[3],
}  # fmt: skip
NEAR, FAR = 2, 3  # standard errors from the study's rate: the two limits of a funnel plot
HEIGHT = 280
LEGEND = {"legend_position": "top", "legend_opts": {"orientation": "horizontal", "margin": 0, "padding": 0, "border_line_color": None}}


POINT = {"tools": ["hover", "tap"], "nonselection_alpha": 0.5}  # a mark that can be clicked


def bars(frame: pd.DataFrame, x: str, y: str, by: str = "", title: str = "", height: int = HEIGHT, across: bool = False) -> hv.Element:
    """Counts as bars, with the number on each; `by` stacks them by a second column, `across` lays them on their side.

    Columns: x (a word), y (a count), by (a word). The order is that of the rows.
    """
    frame = _texts(frame, *filter(None, (x, by)))
    total = frame.groupby(x, sort=False, as_index=False)[y].sum()
    over = pd.DataFrame({x: total[x], y: total[y], "shown": [f"{'  ' * across}{n:,.0f}" for n in total[y]]})
    if by:
        order = {name: place for place, name in enumerate(frame[by].drop_duplicates())}
        drawn = hv.Bars(frame, [x, by], [y]).opts(
            stacked=True, color=by, cmap={name: MEANT.get(name, COLORS[place % 7]) for name, place in order.items()},
            hooks=[_hatched(by, {name: HATCHES[place % 7] for name, place in order.items()})],
        )  # fmt: skip
    else:
        drawn = hv.Bars(frame, [x], [y]).opts(color=COLORS[0])
    top = max(float(total[y].max()) if len(total) else 0.0, 1.0) * 1.15
    aside = {"text_align": "left"} if across else {"yoffset": 0.04 * top}  # HoloViews offsets along the wrong axis when they are inverted
    labels = hv.Labels(over, [x, y], "shown").opts(**_ink(), **aside)
    drawn = drawn.opts(invert_axes=across, line_color=None, tools=["hover", "tap"], nonselection_alpha=0.35)
    labels = labels.opts(invert_axes=across)
    many = not across and len(total) > 8
    return (drawn * labels).opts(
        **_frame(title, height), ylim=(0, top), xlabel="", ylabel=_said(y), show_legend=bool(by), **(LEGEND if by else {}), xrotation=35 if many else 0,
        invert_axes=across, invert_yaxis=across, **{"xformatter" if across else "yformatter": _counts()},
    )  # fmt: skip


def _hatched(by: str, hatches: dict[str, str]) -> Callable:
    """Draw each word of `by` with a hatch of its own, so that colour is not the only thing that tells the parts of a bar apart."""

    def hook(plot: object, _: object) -> None:
        source, glyph = plot.handles["cds"], plot.handles["glyph"]
        source.data["hatch"] = [hatches.get(word, " ") for word in source.data[by]]
        for drawn in (glyph, plot.handles["glyph_renderer"].nonselection_glyph, plot.handles["glyph_renderer"].selection_glyph):
            if hasattr(drawn, "hatch_pattern"):
                drawn.update(hatch_pattern="hatch", hatch_color="white", hatch_alpha=0.4, hatch_scale=8, hatch_weight=1.5)

    return hook


def lines(frame: pd.DataFrame, x: str, y: str, by: str = "", title: str = "", height: int = HEIGHT) -> hv.Element:
    """A count over time, one line for each word of `by`, each with a marker of its own. x: ISO days; y: a number."""
    frame = _texts(frame, *filter(None, (by,))).assign(**{x: pd.to_datetime(frame[x])})
    groups = list(frame.groupby(by, sort=False)) if by else [("", frame)]
    drawn = []
    for place, (name, rows) in enumerate(groups):
        color = MEANT.get(name, COLORS[place % 7])
        options = {"x": x, "y": y, "color": color, **_sized(height), **({"label": str(name)} if name else {})}
        drawn.append(rows.hvplot.line(**options, line_width=2) * rows.hvplot.scatter(**options, marker=MARKERS[place % 7], size=60).opts(**POINT))
    return hv.Overlay([e for overlay in drawn for e in overlay]).opts(
        **_frame(title, height), xlabel="", ylabel=_said(y), show_legend=bool(by), **(LEGEND if by else {}), ylim=(0, _top(frame[y])), xlim=_span(frame[x]), xformatter=_days(), yformatter=_counts()
    )


def burn_down(frame: pd.DataFrame, title: str = "", height: int = HEIGHT) -> hv.Element:
    """What is left to clear over time, with the forecast as a band. Columns: day (ISO), left, low, high (empty where known)."""
    frame = frame.assign(day=pd.to_datetime(frame["day"]))
    known, ahead = frame[frame["left"].notna()], frame[frame["low"].notna()]
    sized, drawn = _sized(height), []
    if len(known):
        drawn.append(known.hvplot.line(x="day", y="left", color=COLORS[0], line_width=2, label="left to clear", **sized))
        drawn.append(known.hvplot.scatter(x="day", y="left", color=COLORS[0], size=60, **sized).opts(**POINT))
    if len(ahead):
        drawn.append(ahead.hvplot.area(x="day", y="low", y2="high", color=COLORS[1], alpha=0.3, line_width=0, label="forecast range", **sized))
        drawn += [ahead.hvplot.line(x="day", y=side, color=COLORS[1], line_dash="dashed", **sized) for side in ("low", "high")]
    most = frame[["left", "high"]].max().max()
    return hv.Overlay(drawn or [hv.Curve([], "day", "left")]).opts(
        **_frame(title, height), xlabel="", ylabel="left to clear", **LEGEND, ylim=(0, _top(pd.Series([most]))), xlim=_span(frame["day"]), xformatter=_days(), yformatter=_counts()
    )


def heat_map(frame: pd.DataFrame, x: str, y: str, value: str, shown: str = "", title: str = "", height: int = 0, worst: str = "high") -> hv.Element:
    """A grid of x by y, darker where `value` is worse (`worst`: high or low), with the text of `shown` in each cell.

    Rows and columns keep the order of the frame. Without a height it grows with the rows.
    """
    frame = _texts(frame, x, y)
    shown_as = ["" if pd.isna(v) else f"{v:g}" if isinstance(v, (int, float)) else _plain(v) for v in frame[shown or value]]
    frame = frame.assign(text=pd.Series(shown_as, index=frame.index, dtype=object))
    colors = ["#f2f6fa", "#c6dbef", "#6baed6", "#3182bd", "#08519c"]
    grid = hv.HeatMap(frame, [x, y], [value, "text"]).opts(
        cmap=colors if worst == "high" else colors[::-1], tools=["hover", "tap"], line_color="white", line_width=1, xaxis="top", invert_yaxis=True
    )
    middle = (frame[value].min() + frame[value].max()) / 2
    dark = frame[value] > middle if worst == "high" else frame[value] < middle
    parts = [
        hv.Labels(rows, [x, y], "text").opts(text_color=ink, text_font_size="10px")
        for rows, ink in ((frame[dark], "white"), (frame[~dark], "#10243a"))
        if len(rows)
    ]
    height = height or 90 + 24 * max(frame[y].nunique(), 1)
    return hv.Overlay([grid, *parts]).opts(**_frame(title, height), xlabel="", ylabel="", xrotation=30 if frame[x].nunique() > 8 else 0, invert_yaxis=True)


def funnel_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Each site against the rate of all sites together, with the limits that its size allows.

    Columns in: site, numerator, denominator. Added: value (percent), expected (percent), low_2, high_2, low_3, high_3 (percent; two
    and three standard errors of a share, held within 0 and 100), distance (standard errors from expected), and stands (`as
    expected`, `beyond 2`, `beyond 3`, `too few`). Limits are those of the normal approximation, so a site of whose denominator less than
    five are expected on either side is `too few` to be judged. Raises CdmError for a numerator that exceeds its denominator.
    """
    if (frame.numerator > frame.denominator).any():
        site = frame.loc[frame.numerator > frame.denominator, "site"].iloc[0]
        raise CdmError(f"A funnel plot needs shares: the numerator of site {site} is greater than its denominator.")
    frame = frame[frame.denominator > 0].reset_index(drop=True)
    total = frame.denominator.sum()
    share = frame.numerator.sum() / total if total else math.nan
    error = (share * (1 - share) / frame.denominator) ** 0.5
    rate = frame.numerator / frame.denominator
    distance = ((rate - share) / error).where(error > 0, 0.0)
    few = (frame.denominator * share < 5) | (frame.denominator * (1 - share) < 5)
    stands = pd.Series("as expected", index=frame.index).mask(distance.abs() > NEAR, f"beyond {NEAR}").mask(distance.abs() > FAR, f"beyond {FAR}").mask(few, "too few")
    limits = {f"{side}_{k}": (100 * (share + sign * k * error)).clip(0, 100).round(2) for k in (NEAR, FAR) for side, sign in (("low", -1), ("high", 1))}
    return frame.assign(value=(100 * rate).round(2), expected=round(100 * share, 2), **limits, distance=distance.round(2), stands=stands)


def funnel(numbers: pd.DataFrame, what: str = "", title: str = "", height: int = 380) -> hv.Element:
    """Sites by size (denominator) and rate, within the limits of `funnel_numbers`; sites beyond a limit carry their name."""
    numbers = _texts(numbers, "site")
    share, most = numbers.numerator.sum() / numbers.denominator.sum(), float(numbers.denominator.max())
    sizes = [most * (i + 1) / 60 for i in range(66)]
    drawn = []
    for k, dash in ((FAR, "dashed"), (NEAR, "dotted")):
        edges = [
            [(n, min(100.0, max(0.0, 100 * (share + sign * k * math.sqrt(share * (1 - share) / n))))) for n in sizes] for sign in (-1, 1)
        ]
        drawn.append(hv.Path(edges, ["size", "percent"], label=f"{k} standard errors").opts(color=COLORS[6], line_dash=dash, line_width=1.5))
    drawn.append(hv.Path([[(0, 100 * share), (most * 1.12, 100 * share)]], ["size", "percent"], label="all sites").opts(color=COLORS[6], line_width=1.5))
    looks = {"as expected": (COLORS[0], "circle"), "beyond 2": (COLORS[1], "triangle"), "beyond 3": (COLORS[3], "diamond"), "too few": (COLORS[6], "x")}
    for stands, (color, marker) in looks.items():
        rows = numbers[numbers.stands == stands]
        if len(rows):
            points = hv.Points(rows, ["denominator", "value"], ["site", "numerator", "expected", "distance"], label=stands)
            drawn.append(points.opts(color=color, marker=marker, size=11, tools=["hover", "tap"], nonselection_alpha=0.5))
    far = numbers[numbers.stands.str.startswith("beyond")]
    if len(far):
        drawn.append(hv.Labels(far.assign(shown="   " + far.site), ["denominator", "value"], "shown").opts(**_ink(), text_align="left"))
    top = min(105.0, 1.35 * max(float(numbers.value.max()), 100 * share) or 1.0)
    return hv.Overlay(drawn).opts(
        **_frame(title, height), xlabel=f"size of the site: {what or 'denominator'}", ylabel="percent", legend_position="right", xlim=(0, most * 1.12),
        ylim=(-0.04 * top, top),  # a site at nought is drawn whole
    )  # fmt: skip


def timeline(frame: pd.DataFrame, title: str = "", height: int = 0, since: str = "") -> hv.Element:
    """What happened to a subject, a lane for each kind: a bar from start to end, or a marker when it is one day.

    Columns: lane (a word; lanes keep the order of the frame), start, end (ISO days, end empty when it is one day or goes on), label,
    told (text on hover). `since`: the ISO day on which the drawing begins; bars that began earlier come in from its edge. A date that is known in part is drawn at the first day that it can be, with `told` saying what is known.
    """
    frame = _texts(frame, "lane", "label", "told")
    frame = frame.assign(start=pd.to_datetime(frame.start), end=pd.to_datetime(frame.end))
    frame = frame.assign(end=frame.end.where(frame.end >= frame.start))
    lanes = list(frame.lane.drop_duplicates())
    drawn, places = [], {}
    at = 0.0
    for name in lanes:
        rows = frame[frame.lane == name].sort_values(["start", "label"], kind="stable")
        tracks: list[pd.Timestamp] = []
        heights = []
        for row in rows.itertuples():
            until = row.end if pd.notna(row.end) else row.start
            track = next((i for i, busy in enumerate(tracks) if busy < row.start), len(tracks) if len(tracks) < 6 else 0)
            tracks[track : track + 1] = [until + pd.Timedelta(days=3)]
            heights.append(at + track)
        places[name] = at + (max(len(tracks), 1) - 1) / 2
        at += max(len(tracks), 1) + 0.8
        color = COLORS[lanes.index(name) % 7]
        rows = rows.assign(place=heights)
        long = rows[rows.end.notna()]
        if len(long):
            segments = long.assign(until=long.end, to=long.place)[["start", "place", "until", "to", "label", "told"]]
            drawn.append(hv.Segments(segments, ["start", "place", "until", "to"], ["label", "told"]).opts(color=color, line_width=8, alpha=0.75, tools=["hover"]))
        points = rows[["start", "place", "label", "told"]]
        drawn.append(hv.Points(points, ["start", "place"], ["label", "told"]).opts(color=color, marker=MARKERS[lanes.index(name) % 7], size=9, tools=["hover"]))
    if since and len(frame):
        begin, last = pd.to_datetime(since), frame[["start", "end"]].max().max()
        margin = max((last - begin) * 0.03, pd.Timedelta(days=2))
        span = {"xlim": (begin - margin, last + margin)}
    else:
        span = {"padding": (0.03, 0)}
    return hv.Overlay(drawn or [hv.Curve([])]).opts(
        **_frame(title, height or int(70 + 20 * max(at, 2))), xlabel="", ylabel="", yticks=[(place, name) for name, place in places.items()] or [(0, "")],
        ylim=(-0.9, max(at - 0.1, 1)), invert_yaxis=True, show_legend=False, show_grid=True, **span,
    )  # fmt: skip


def ranges(frame: pd.DataFrame, title: str = "", unit: str = "", height: int = 200) -> hv.Element:
    """One test's values over time against its reference range. Columns: day (ISO), value, low, high (empty where there is none).

    A value outside its own range is a diamond, one inside it or without a range a circle.
    """
    frame = frame.assign(day=pd.to_datetime(frame.day)).sort_values("day", kind="stable")
    outside = (frame.value < frame.low) | (frame.value > frame.high)
    drawn = []
    if frame.low.notna().any() or frame.high.notna().any():
        spread = max(float(frame.value.max() - frame.value.min()), 1.0)
        band = frame.assign(low=frame.low.fillna(frame.value.min() - spread), high=frame.high.fillna(frame.value.max() + spread))
        drawn.append(hv.Area(band, "day", ["low", "high"]).opts(color=COLORS[2], alpha=0.18, line_width=0))
    drawn.append(hv.Curve(frame, "day", ["value"]).opts(color=COLORS[6], line_width=1.5))
    for rows, color, marker in ((frame[~outside], COLORS[0], "circle"), (frame[outside], COLORS[3], "diamond")):
        if len(rows):
            drawn.append(hv.Points(rows, ["day", "value"], ["low", "high"]).opts(color=color, marker=marker, size=9, tools=["hover"]))
    return hv.Overlay(drawn).opts(**_frame(title, height), xlabel="", ylabel=_plain(unit), show_legend=False)


def _sized(height: int) -> dict:
    return {"responsive": True, "height": height, "hover": True}


def _frame(title: str, height: int) -> dict:
    return {"title": _plain(title), "responsive": True, "height": height, "toolbar": None, "default_tools": [], "fontscale": 1.0, "active_tools": []}


def _ink() -> dict:
    return {"text_color": "#808080", "text_font_size": "12px"}  # as far from white as from the dark page


def _top(values: pd.Series, room: float = 1.2) -> float:
    most = values.max()
    return max(0.0 if pd.isna(most) else float(most), 1.0) * room


def _span(days: pd.Series) -> tuple:
    """The days that an axis shows: those of the marks, with room for a whole mark at either end."""
    if days.empty:
        return (None, None)
    room = max((days.max() - days.min()) * 0.03, pd.Timedelta(hours=12))
    return (days.min() - room, days.max() + room)


def _days() -> DatetimeTickFormatter:
    """Days as an axis writes them, short enough not to run into each other."""
    return DatetimeTickFormatter(days="%d %b", months="%Y-%m", years="%Y")


def _counts() -> NumeralTickFormatter:
    """Counts as an axis writes them: 140,000 rather than 1.4e+5."""
    return NumeralTickFormatter(format="0,0.[0]")


def _said(name: str) -> str:
    return name.replace("_", " ")


def _texts(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The columns as text that can be drawn; as Python objects, for HoloViews can't reshape Arrow text."""
    return frame.assign(**{c: pd.Series([_plain(value) for value in frame[c]], index=frame.index, dtype=object) for c in columns})


def _plain(value: object) -> str:
    """Text from data as a plot can show it: at most 60 characters, and never read as a formula by the browser."""
    text = "(none)" if value is None or (isinstance(value, float) and math.isnan(value)) or value == "" else str(value)
    for mark in ("$$", "\\(", "\\["):
        text = text.replace(mark, mark[0] + "\u200b" + mark[1])
    return text if len(text) <= 60 else text[:59] + "…"


def words(values: Sequence[object]) -> list[str]:
    """Text from data as the axes and legends of these figures write it, to find what a click meant."""
    return [_plain(value) for value in values]
