"""The town as a map source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from fleetloop.core.errors import ConfigError
from fleetloop.core.rng import child_generator
from fleetloop.envs.maps.builder import NetworkBuilder
from fleetloop.envs.maps.kinds import Control, JunctionKind
from fleetloop.envs.maps.mirror import mirror
from fleetloop.envs.maps.town.arms import Node, cut_arms, make_nodes
from fleetloop.envs.maps.town.circles import build_dead_end, build_roundabout
from fleetloop.envs.maps.town.config import TownConfig
from fleetloop.envs.maps.town.districts import Districts
from fleetloop.envs.maps.town.furnish import furnish
from fleetloop.envs.maps.town.junctions import (
    Rule,
    build_junction,
    choose_rule,
    signed_rule,
    turns_left,
)
from fleetloop.envs.maps.town.layout import Plan, draw_plan
from fleetloop.envs.maps.town.names import street_names
from fleetloop.envs.maps.town.paving import corner_walks, pave_node, pave_street
from fleetloop.envs.maps.town.profile import draw_profile
from fleetloop.envs.maps.town.streets import BuiltStreet, build_street

SHORTEST_STREET_M = 14.0


class Town:
    """See `MapSource`."""

    CONFIG: ClassVar[type[TownConfig]] = TownConfig

    def inputs(self, config: TownConfig) -> tuple[Path, ...]:
        """A town is made from nothing."""
        return ()

    def build(self, config: TownConfig) -> NetworkBuilder:
        """Makes the town; left-hand towns are mirror images of right-hand ones."""
        builder = NetworkBuilder(
            name=f"town {config.seed}", source=f"town seed {config.seed}",
            licence="Apache-2.0", left_hand=False,
        )  # fmt: skip
        plan = draw_plan(config, child_generator(config.seed, "town", "plan"))
        nodes, rules = _cut(plan, config)
        streets = _streets(builder, plan, nodes, config)
        for street in streets:
            pave_street(builder, street)
        _junctions(builder, nodes, rules, streets, config)
        districts = Districts(plan, child_generator(config.seed, "town", "districts"))
        rng = child_generator(config.seed, "town", "furniture")
        furnish(builder, streets, nodes, districts, config, rng)
        if config.left_hand:
            mirror(builder.drafts)
        return builder


TOWN = Town()


def _cut(plan: Plan, config: TownConfig) -> tuple[list[Node], list[Rule]]:
    """Chooses the rule of each node and cuts its arms; dead ends without room are left out."""
    while True:
        nodes, rules, short = _try_cut(plan, config)
        if not short:
            return nodes, rules
        arms = plan.arms()
        stubs = [n for n in short if 1 in (len(arms[plan.streets[n].a]),
                                           len(arms[plan.streets[n].b]))]  # fmt: skip
        if not stubs:
            raise ConfigError(
                f"Town {config.seed} has no room for the lanes of street {short[0]}: raise "
                "block_m, lower bend, or take another seed."
            )
        plan.streets = [s for n, s in enumerate(plan.streets) if n not in stubs]


def _try_cut(plan: Plan, config: TownConfig) -> tuple[list[Node], list[Rule], list[int]]:
    """Nodes, their rules, and streets that are left too short."""
    rng = child_generator(config.seed, "town", "streets")
    profiles = [draw_profile(street.road_class, rng) for street in plan.streets]
    rng = child_generator(config.seed, "town", "rules")
    nodes = make_nodes(plan, profiles)
    rules = []
    for node in nodes:
        share = config.roundabouts if len(node.arms) else 0.0
        rules.append(choose_rule(node, rng, share))
    for node, rule in zip(nodes, rules, strict=True):
        _apply(node, rule)
    # Roundabouts and crossings take room: where a street would be left too short, they give way.
    for give_way in (_without_roundabout, _without_crossings):
        for number, street in enumerate(plan.streets):
            if _room_m(number, street.length_m, nodes) < SHORTEST_STREET_M:
                for end in (street.a, street.b):
                    rules[end] = give_way(nodes[end], rules[end])
                    _apply(nodes[end], rules[end])
    short = [n for n, s in enumerate(plan.streets)
             if _room_m(n, s.length_m, nodes) < SHORTEST_STREET_M]  # fmt: skip
    return nodes, rules, short


def _apply(node: Node, rule: Rule) -> None:
    node.roundabout = rule.kind == JunctionKind.ROUNDABOUT
    for arm, crossing in zip(node.arms, rule.crossings, strict=True):
        arm.crossing = crossing is not None
    if node.arms:
        cut_arms(node)


def _room_m(street: int, length_m: float, nodes: list[Node]) -> float:
    """Length that is left for lanes between both ends."""
    cuts = [arm.stop_s for node in nodes for arm in node.arms if arm.street == street]
    return length_m - sum(cuts)


def _without_roundabout(node: Node, rule: Rule) -> Rule:
    return signed_rule(node, Control.YIELD) if node.roundabout else rule


def _without_crossings(node: Node, rule: Rule) -> Rule:
    return replace(rule, crossings=(None,) * len(node.arms))


def _streets(
    builder: NetworkBuilder, plan: Plan, nodes: list[Node], config: TownConfig
) -> list[BuiltStreet]:
    rng = child_generator(config.seed, "town", "names")
    names = street_names(len(plan.streets), rng)
    yellow = bool(rng.uniform() < 0.5) and not config.left_hand
    streets = []
    for number, street in enumerate(plan.streets):
        begin = next(a for a in nodes[street.a].arms if a.street == number and a.outward)
        end = next(a for a in nodes[street.b].arms if a.street == number and not a.outward)
        pockets = tuple(
            turns_left(nodes[arm.node], nodes[arm.node].arms.index(arm)) for arm in (begin, end)
        )
        streets.append(
            build_street(builder, names[number], begin, end, (pockets[0], pockets[1]), yellow)
        )
    return streets


def _junctions(
    builder: NetworkBuilder,
    nodes: list[Node],
    rules: list[Rule],
    streets: list[BuiltStreet],
    config: TownConfig,
) -> None:
    rng = child_generator(config.seed, "town", "signals")
    for node, rule in zip(nodes, rules, strict=True):
        if not node.arms:
            continue
        if len(node.arms) == 1:
            junction = build_dead_end(builder, node, streets)
        elif node.roundabout:
            junction = build_roundabout(builder, node, rule, streets)[0]
        else:
            junction = build_junction(builder, node, rule, streets, rng)
        corner_walks(builder, node)
        pave_node(builder, node, junction)
