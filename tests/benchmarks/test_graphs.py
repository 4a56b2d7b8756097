"""The graphs of the benchmark."""

from __future__ import annotations

from benchmarks.graphs import OURS, PARTNER, graph


def test_each_node_has_its_own_seed_and_end() -> None:
    graphs = [graph(kind, 16) for kind in (OURS, PARTNER, OURS)]

    seeds = [nodes[name]["inputs"]["seed"] for nodes, generators in graphs for name in generators]
    assert len(set(seeds)) == 48
    for nodes, generators in graphs:
        ends = [node for node in nodes.values() if node["class_type"] == "PreviewAny"]
        assert len(ends) == len(generators) == 16


def test_both_nodes_ask_for_the_same() -> None:
    (ours, (our_id,)), (partner, (partner_id,)) = graph(OURS, 1), graph(PARTNER, 1)

    asked, of_us = partner[partner_id]["inputs"], ours[our_id]["inputs"]
    assert asked.items() - {("seed", asked["seed"])} <= of_us.items()
