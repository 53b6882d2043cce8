"""Sites: each measure by site, which sites stand out for their size, and the numbers behind."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import panel as pn

from cdmlib import figures
from cdmlib.board import Reader, View

from . import behind, parts
from .later import later

TITLE = "Sites"
SLUG = "sites"
MEASURES = """
    SELECT r.metric, r.title, r.not_run, r.definition, max(m.unit) AS unit, count(CASE WHEN m.category IS NOT NULL THEN 1 END) AS categories,
           count(CASE WHEN m.level = 'site' THEN 1 END) AS sites, CAST(coalesce(sum(CASE WHEN m.level = 'study' THEN m.denominator END), 0) AS BIGINT) AS counted
    FROM   measure_runs AS r LEFT JOIN metrics AS m ON m.metric = r.metric GROUP BY r.metric, r.title, r.not_run, r.definition ORDER BY r.metric"""
ONE = """
    SELECT coalesce(siteid, '(none)') AS site, coalesce(category, '') AS category, numerator, denominator, value, unit FROM metrics
    WHERE  metric = $metric AND level = 'site' AND ($site = '' OR siteid = $site) ORDER BY site, category"""
EVERY = """
    SELECT coalesce(siteid, '(none)') AS site{columns} FROM metrics WHERE level = 'site' AND category IS NULL AND ($site = '' OR siteid = $site) GROUP BY siteid"""
SUBJECTS = """
    SELECT coalesce(siteid, '(none)') AS site, count(*) AS subjects, count(CASE WHEN ready THEN 1 END) AS clean, CAST(coalesce(sum(blockers), 0) AS BIGINT) AS blockers
    FROM   readiness WHERE level = 'subject' AND criterion = 'all' AND ($site = '' OR siteid = $site) GROUP BY siteid ORDER BY site"""


def page(view: View) -> pn.viewable.Viewable:
    """The page of sites under the filters of the view."""
    return parts.following(view, lambda: _page(view), "study", "cutoff", "site")


def _page(view: View) -> pn.viewable.Viewable:
    reader, given = view.reader, {"site": view.site}
    measures = reader.rows(MEASURES)
    alone = measures[(measures.sites > 0) & (measures.categories == 0) & (measures.counted > 0)]
    shares = alone[alone.unit == "percent"]
    chosen = parts.choice("Measure", dict(zip(alone.title, alone.metric, strict=True)), (shares if len(shares) else alone).metric.iloc[0], width=300) if len(alone) else None
    spot, go = parts.mark()

    def judge(metric: str) -> None:
        chosen.value = metric
        go()

    return pn.Column(
        parts.heading(TITLE, f"{reader.title} · cut-off {reader.as_of}", level=1),
        spot, later(lambda: _judged(view, reader, alone, chosen), 500),
        parts.heading("All measures by site", "A click on a number shows the measure with its numerator, denominator and rows; a click on a site filters the dashboard to it."),
        parts.guarded(lambda: _table(view, reader, alone, given, judge)),
        later(lambda: _clean(view, reader, given)),
        *_not_run(measures),
        sizing_mode="stretch_width",
    )  # fmt: skip


def _judged(view: View, reader: Reader, measures: pd.DataFrame, chosen: parts.pmui.Select | None) -> pn.viewable.Viewable:
    """One measure: the study's number, the sites against it, and the numbers behind."""
    if chosen is None:
        return parts.state("not run", "No measure has a number per site in these results.")
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def draw(*_: object) -> None:
        place.objects = [parts.guarded(lambda: _one(view, reader, measures[measures.metric == chosen.value].iloc[0]))]

    chosen.param.watch(draw, "value")
    draw()
    return pn.Column(chosen, place, sizing_mode="stretch_width", margin=0)


def _one(view: View, reader: Reader, measure: pd.Series) -> pn.viewable.Viewable:
    every = reader.rows(ONE, {"metric": measure.metric, "site": ""})
    study = next(reader.rows("SELECT numerator, denominator, value FROM metrics WHERE metric = $metric AND level = 'study' AND category IS NULL", {"metric": measure.metric}).itertuples(), None)
    place, (spot, go) = pn.Column(sizing_mode="stretch_width", margin=0), parts.mark()

    def show(site: str = "") -> None:
        site = site or view.site
        place.objects = [parts.guarded(lambda: behind.rows(view, reader, measure.metric, f"{measure.title}: the rows{f' of site {site}' if site else ''}", site))]
        go()

    there = measure.metric in behind.ROWS
    here = every[every.site == view.site]
    number = [parts.number(f"{measure.title}, all sites", study.numerator, study.denominator, measure.definition, measure.unit, study.value, rows=show if there and not view.site else None)] if study else []
    number += [parts.number(f"{measure.title}, site {row.site}", row.numerator, row.denominator, measure.definition, measure.unit, row.value, rows=show if there else None) for row in here.itertuples()]
    if measure.unit == "percent" and every.denominator.sum():
        numbers = figures.funnel_numbers(every[["site", "numerator", "denominator"]])
        drawn = parts.plot(
            figures.funnel(numbers, "denominator", measure.title),
            f"Lines: the rate of all sites ({numbers.expected.iloc[0]:g} %) and two and three standard errors around it for a site of that size (normal approximation). "
            "A site beyond three is a reason to look, not a verdict; with several sites and measures one beyond two is expected by chance. A click on a site shows its rows.",
            (lambda row: show(row["site"])) if there else None,
        )
        empty = every[every.denominator == 0].site.tolist()
        if empty:
            drawn.append(parts.markup(f'<p class="quiet">Nothing to count at {parts.text(", ".join(empty))}.</p>'))
        order = {"beyond 3": 0, "beyond 2": 1, "as expected": 2, "too few": 3}
        rows = numbers.assign(place=numbers.stands.map(order), far=numbers.distance.abs()).sort_values(["place", "far", "site"], ascending=[True, False, True], kind="stable")
        rows = rows[["site", "numerator", "denominator", "value", "expected", "low_2", "high_2", "low_3", "high_3", "distance", "stands"]]
    else:
        rows = every.drop(columns=["category"]).sort_values(["value", "site"], ascending=[False, True], kind="stable", na_position="last")
        drawn = parts.plot(figures.bars(rows.dropna(subset=["value"]), "site", "value", title=f"{measure.title} ({measure.unit})", height=380), "No limits: this is not a share of what is counted. A click on a site shows its rows.", (lambda row: show(row["site"])) if there else None)
    if view.site:
        rows = rows[rows.site == view.site]
    return pn.Column(
        parts.cards(*number), drawn,
        parts.held(reader, rows, f"sites_{measure.metric}", on_row=lambda row: setattr(view, "site", str(row["site"])) if row["site"] != "(none)" else None,
                   titles={"value": "Percent" if measure.unit == "percent" else measure.unit.capitalize(), "distance": "Standard errors from expected", "stands": "Stands"}, widths={"denominator": 94, "site": 70}),
        spot, place, sizing_mode="stretch_width", margin=0,
    )  # fmt: skip


def _table(view: View, reader: Reader, measures: pd.DataFrame, given: dict, judge: Callable[[str], None]) -> pn.viewable.Viewable:
    columns = "".join(f", max(CASE WHEN metric = '{id_}' THEN value END) AS {id_}" for id_ in measures.metric)
    titles = {m.metric: f"{m.title} ({'%' if m.unit == 'percent' else m.unit})" for m in measures.itertuples()}
    return parts.Table(
        reader, EVERY.format(columns=columns), given, name="sites", key=["site"], titles=titles, nothing="No site has numbers.",
        on_cell=lambda row, column: judge(column) if column in titles else setattr(view, "site", str(row["site"])) if row["site"] != "(none)" else None,
    )  # fmt: skip


def _clean(view: View, reader: Reader, given: dict) -> pn.viewable.Viewable:
    rows = reader.rows(SUBJECTS, given)
    if rows.empty:
        return parts.state("not run", "These results have no readiness.")

    def show(site: str) -> None:
        if site != "(none)":
            parts.go_to(view.link("readiness", study=reader.study_id, site=site))

    drawn = parts.plot(figures.bars(rows, "site", "blockers", title="Blockers of clean subjects by site"), "A click on a bar or on a row of the table opens what blocks there.", lambda row: show(row["site"]))
    table = parts.held(reader, rows, "clean_by_site", on_row=lambda row: show(row["site"]), titles={"clean": "Clean subjects"})
    return pn.Column(parts.heading("Things to clear on subjects, by site"), parts.side_by_side(drawn, pn.Column(table)), sizing_mode="stretch_width")


def _not_run(measures: pd.DataFrame) -> list[pn.viewable.Viewable]:
    rows = measures[measures.not_run.fillna("") != ""]
    nothing = measures[(measures.not_run.fillna("") == "") & (measures.counted == 0)]
    said = [parts.folded(f"{len(nothing)} measures have nothing to count", "; ".join(nothing.title))] if len(nothing) else []
    return said + [parts.folded(f"{len(rows)} of {len(measures)} measures were not run", "; ".join(f"{m.title}: {m.not_run}" for m in rows.itertuples()))] * bool(len(rows))
