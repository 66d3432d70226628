#!/usr/bin/env python3
"""Prints what TensorBoard's reader finds in the runs of a folder: for each tag the steps with their values, for a
histogram the sum of its counts, for images width, height and number; and the nodes of the graph."""

import sys

from tensorboard.backend.event_processing import plugin_event_multiplexer
from tensorboard.compat.proto import graph_pb2
from tensorboard.util import tensor_util


def text(plugin, tensor):
    values = tensor_util.make_ndarray(tensor)
    if plugin == "scalars":
        return f"{float(values):.9g}"
    if plugin == "histograms":
        return f"{values[:, 2].sum():g}"
    assert all(value.startswith(b"\x89PNG") for value in values[2:])
    return f"{values[0].decode()}x{values[1].decode()}+{len(values) - 2}"


multiplexer = plugin_event_multiplexer.EventMultiplexer(tensor_size_guidance={"scalars": 1000})
multiplexer.AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()
for run in sorted(multiplexer.Runs()):
    accumulator = multiplexer.GetAccumulator(run)
    for plugin in ("scalars", "histograms", "images"):
        for tag in accumulator.PluginTagToContent(plugin) if plugin in accumulator.ActivePlugins() else ():
            points = [f"{event.step}:{text(plugin, event.tensor_proto)}" for event in accumulator.Tensors(tag)]
            print(run, plugin, tag, *points)
    if accumulator.Tags()["graph"]:
        graph = graph_pb2.GraphDef.FromString(accumulator.SerializedGraph())
        print(run, "graph", *(node.name for node in graph.node))
