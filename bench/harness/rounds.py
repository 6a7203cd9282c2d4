# SPDX-License-Identifier: MIT
"""Measures by wall time: Tine and the peer in turn, several times over.

A host that others use makes single wall times worthless. Runs of the two kernels therefore follow
one another (A B A B ...), so that both see the same host, and are compared round by round; a figure
is the median of its rounds. Nothing is kept for later runs.
"""

from statistics import median

from .measure import Plan, Result, Session
from .peers import Contender
from .table import Figure


def measure_in_turn(
    contenders: list[Contender], figures: list[Figure], plan: Plan, rounds: int
) -> dict[str, dict[str, Result]]:
    """Figures by kernel, each with its rounds as samples (None where a round had none)."""
    taken: dict[str, list[dict[str, Result]]] = {contender.name: [] for contender in contenders}
    settings = list(dict.fromkeys(figure.setting for figure in figures))
    for number in range(rounds):
        for of_kernel in taken.values():
            of_kernel.append({})
        for setting in settings:
            chosen = [figure for figure in figures if figure.setting == setting]
            for contender in contenders:
                session = Session(contender, chosen, plan, f"round {number + 1}/{rounds},")
                taken[contender.name][-1] |= session.measure()
    return {name: _combine(results, figures) for name, results in taken.items()}


def _combine(rounds: list[dict[str, Result]], figures: list[Figure]) -> dict[str, Result]:
    combined = {}
    for figure in figures:
        results = [results[figure.name] for results in rounds]
        values = [result.value for result in results if result.value is not None]
        if values:
            samples = [result.value for result in results]
            combined[figure.name] = Result(median(values), results[0].unit, samples=samples)
        else:
            combined[figure.name] = results[-1]
    return combined
