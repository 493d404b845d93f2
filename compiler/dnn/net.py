"""`Net`: OpenCV's class of this name, over networks that regraft compiles when they first run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from regraft.dnn import backends, cost
from regraft.dnn.layer import Layer
from regraft.dnn.refused import Net_readFromModelOptimizer, refusal
from regraft.dnn.source import Array, LayerInfo, Runner, Runners, Source
from regraft.dnn.timing import LayerTimes
from regraft.errors import Diagnostic, RunError, UsageError, did_you_mean, listing
from regraft.ir import Shape

LayerKey = int | str
ManyShapes = Sequence[int] | Sequence[Sequence[int]]
INPUT_LAYER = "_input"


class _Run(NamedTuple):
    """What `getPerfProfile` needs of the last run."""

    nanoseconds: int
    wanted: tuple[str, ...]
    feeds: dict[str, Array]


class AsyncArray:
    """The result of `Net.forwardAsync`."""

    def __init__(self, future: Future[Array]) -> None:
        self._future = future

    def get(self, timeoutNs: float | None = None) -> Any:
        """The array, waited for; with a time limit in nanoseconds, (whether it is there, the array or None)."""
        if timeoutNs is None:
            return self._future.result()
        return (True, self._future.result()) if self.wait_for(timeoutNs) else (False, None)

    def wait_for(self, timeoutNs: float) -> bool:
        """Whether the result is there within so many nanoseconds; negative ones are no limit."""
        try:
            self._future.exception(None if timeoutNs < 0 else timeoutNs / 1e9)
        except TimeoutError:
            return False
        return True

    def valid(self) -> bool:
        """Whether this holds a result or will: always."""
        return True


class Net:
    """A network: set its inputs, then ask for the outputs of any layers.

    Layers have OpenCV's names and numbers: the network's inputs are layer 0, the others count from 1 in the order of
    the file, and of layers with one name the second is called `name_1`. Where OpenCV takes the name of a layer, that of
    a blob is taken too. A network is compiled when an output is first asked for, and again when sizes change.
    """

    def __init__(self, source: Source | None = None) -> None:
        self._source = source
        self._runners = Runners(source) if source else None
        self._input_names = list(source.inputs) if source else []
        self._feeds: dict[str, Array] = {}
        self._shapes: dict[str, Shape] = {}
        self._backend, self._target = 0, 0
        self._last_run: _Run | None = None
        self._pool: ThreadPoolExecutor | None = None

    def empty(self) -> bool:
        """Whether this holds no network."""
        return self._source is None

    # Inputs and outputs

    def setInput(
        self,
        blob: Array,
        name: str | None = "",
        scalefactor: float = 1.0,
        mean: float | Sequence[float] | None = (0, 0, 0, 0),
    ) -> None:
        """Set an input, the first without a name, to `(blob - mean) * scalefactor`, `mean` by channel."""
        array = np.array(blob, np.float32 if np.asarray(blob).dtype == np.uint8 else None)
        means = np.zeros(4, np.float32)
        given = np.ravel(() if mean is None else mean)
        means[: len(given)] = given
        if array.ndim == 4 and means.any():
            channels = min(array.shape[1], 4)
            array = array.astype(np.float32, copy=False)
            array[:, :channels] -= means[:channels, None, None]
        elif means.any():
            array = array.astype(np.float32, copy=False) - means[0]
        if scalefactor != 1.0:
            array = array.astype(np.float32, copy=False) * np.float32(scalefactor)
        self._feeds[self._input(name or "")] = array

    def setInputsNames(self, inputBlobNames: Sequence[str]) -> None:
        """Call the inputs, in their order, by these names."""
        names = [inputBlobNames] if isinstance(inputBlobNames, str) else list(inputBlobNames)
        if len(names) > len(self._net.inputs):
            raise _refused(f"{len(names)} names are given for {len(self._net.inputs)} inputs")
        self._input_names[: len(names)] = names

    def setInputShape(self, inputName: str, shape: Sequence[int]) -> None:
        """The size of an input, until `setInput` brings another."""
        self._shapes[self._input(inputName)] = tuple(int(d) for d in shape)

    def forward(
        self,
        outputName: str | Sequence[str] | None = "",
        outputBlobs: object = None,
        *,
        outBlobNames: Sequence[str] | None = None,
    ) -> Any:
        """Run; give the first output of the last layer, of a named one, or a tuple of those of several.

        Raises:
            RunError: an input is missing or does not fit.
            UsageError: no layer or blob has the name.
        """
        wanted = (outputName or "") if outBlobNames is None else outBlobNames
        if isinstance(wanted, str):
            name = wanted or self._last()
            return self._run((name,))[name]
        found = self._run(tuple(dict.fromkeys(wanted)))
        return tuple(found[name] for name in wanted)

    def forwardAndRetrieve(self, outBlobNames: Sequence[str]) -> tuple[tuple[Array, ...], ...]:
        """Run; give for each layer all of its outputs."""
        layers = self._net.layers
        pins = [layers[name].pins if name in layers else (name,) for name in outBlobNames]
        found = self._run(tuple(dict.fromkeys(pin for group in pins for pin in group)))
        return tuple(tuple(found[pin] for pin in group) for group in pins)

    def forwardAsync(self, outputName: str = "") -> AsyncArray:
        """`forward` in a thread of its own, with the inputs as they are now."""
        name = outputName or self._last()
        runner, feeds = self._runner((name,)), dict(self._feeds)
        self._pool = self._pool or ThreadPoolExecutor(1)
        return AsyncArray(self._pool.submit(lambda: runner.run(feeds)[name]))

    def declared_shape(self) -> Shape | None:
        """The shape of the first input as the file gives it."""
        return next(iter(self._source.inputs.values()), None) if self._source else None

    # Layers

    def getLayerNames(self) -> tuple[str, ...]:
        """The names of all layers but the input, in the order of their ids."""
        return tuple(self._source.layers) if self._source else ()

    def getLayerId(self, layer: str) -> int:
        """The id of a layer, -1 if there is none of this name."""
        names = [INPUT_LAYER, *self.getLayerNames()]
        name = layer if layer in names else self._net.aliases.get(layer, "")
        return names.index(name) if name in names else -1

    def getLayer(self, layerId: LayerKey) -> Layer:
        """A layer by id or name.

        Raises:
            UsageError: there is none.
        """
        if layerId in (0, INPUT_LAYER):
            return Layer(INPUT_LAYER, "", self._input_names)
        info, net = self._info(layerId), self._net

        def put(arrays: Sequence[Array]) -> None:
            net.set_blobs(info.name, arrays)
            if self._runners:
                self._runners.clear()

        return Layer(info.name, info.type, info.outputs, lambda: net.blobs(info.name), put)

    def getUnconnectedOutLayers(self) -> Array:
        """The ids of the layers that no other layer reads."""
        names = self._ends()
        return np.array([self.getLayerId(name) for name in names], np.int32)

    def getUnconnectedOutLayersNames(self) -> tuple[str, ...]:
        """The names of the layers that no other layer reads."""
        return tuple(self._ends())

    def getLayerTypes(self) -> tuple[str, ...]:
        """The types of layers that the network has, in the order of the alphabet."""
        return tuple(sorted({"__NetInputLayer__", *(info.type for info in self._net.layers.values())}))

    def getLayersCount(self, layerType: str) -> int:
        """How many layers of this type there are."""
        return Counter(info.type for info in self._net.layers.values())[layerType]

    def getParam(self, layer: LayerKey, numParam: int = 0) -> Array:
        """A blob of weights of a layer.

        Raises:
            UsageError: the layer or the blob does not exist.
        """
        blobs = self.getLayer(layer).blobs
        if not 0 <= numParam < len(blobs):
            raise _refused(f"layer {layer!r} has {len(blobs)} blobs: there is no blob {numParam}")
        return blobs[numParam]

    def setParam(self, layer: LayerKey, numParam: int, blob: Array) -> None:
        """Replace a blob of weights of a layer."""
        found = self.getLayer(layer)
        blobs = list(found.blobs)
        if not 0 <= numParam < len(blobs):
            raise _refused(f"layer {layer!r} has {len(blobs)} blobs: there is no blob {numParam}")
        blobs[numParam] = blob
        found.blobs = tuple(blobs)

    # Sizes and costs

    def getLayersShapes(self, netInputShapes: ManyShapes) -> tuple[Array, cost.ShapeLists, cost.ShapeLists]:
        """Of every layer from the input on: ids, the shapes that it takes, the shapes that it gives."""
        given, shapes = self._sizes(netInputShapes)
        every = [cost.LayerShapes(given, given), *shapes.values()]
        takes = tuple(tuple(np.array(s, np.int32) for s in each.takes) for each in every)
        gives = tuple(tuple(np.array(s, np.int32) for s in each.gives) for each in every)
        return np.arange(len(every), dtype=np.int32), takes, gives

    def getFLOPS(
        self, netInputShapes: Any = None, netInputShape: ManyShapes | None = None, *, layerId: int | None = None
    ) -> int:
        """The operations of a run with inputs of these shapes, or, given (id, shapes), those of one layer."""
        layers, shapes = self._costed(layerId, netInputShapes, netInputShape)[:2]
        return sum(cost.flops(info, shapes[info.name]) for info in layers)

    def getMemoryConsumption(
        self, netInputShape: Any = None, netInputShapes: ManyShapes | None = None, *, layerId: int | None = None
    ) -> tuple[int, int]:
        """The bytes of (weights, values) with inputs of these shapes, or, given (id, shapes), those of a layer."""
        layers, shapes, given = self._costed(layerId, netInputShape, netInputShapes)
        values = [*given, *(shape for info in layers for shape in shapes[info.name].gives)]
        return cost.size(blob for info in layers for blob in info.blob_shapes), cost.size(values)

    def _costed(
        self, layer: int | None, first: Any, second: ManyShapes | None
    ) -> tuple[list[LayerInfo], dict[str, cost.LayerShapes], list[tuple[int, ...]]]:
        """The layers that are asked about, the shapes of all, and those of the inputs if they count.

        OpenCV's two forms are (shapes) and (id, shapes), each by position or by name.
        """
        if layer is None and first is not None and second is not None:
            layer, first = first, None
        given, shapes = self._sizes(second if first is None else first)
        if layer is None:
            return list(self._net.layers.values()), shapes, given
        return ([self._info(layer)], shapes, []) if layer else ([], shapes, given)

    def getPerfProfile(self) -> tuple[int, LayerTimes]:
        """The time of the last run in nanoseconds, and the time of each layer.

        The layers are told apart by running once more when their times are looked at. What ONNX Runtime does between
        the layers is spread over them; layers that are part of others have 0, as in OpenCV.
        """
        last = self._last_run
        return (last.nanoseconds if last else 0), LayerTimes(lambda: self._layer_times(last))

    def _layer_times(self, run: _Run | None) -> Array:
        names = self.getLayerNames()
        if run is None:
            return np.zeros(len(names))
        providers = backends.providers(self._backend, self._target)
        found = self._net.layer_times(run.wanted, run.feeds, providers)
        spent = np.array([found.get(name, 0.0) for name in names])
        return spent * (run.nanoseconds / spent.sum()) if spent.any() else spent

    # Where it runs

    def setPreferableBackend(self, backendId: int) -> None:
        """Choose who computes: DNN_BACKEND_CUDA and DNN_BACKEND_INFERENCE_ENGINE are providers of ONNX Runtime."""
        backends.check_backend(backendId)
        self._backend = backendId

    def setPreferableTarget(self, targetId: int) -> None:
        """Choose where it runs: DNN_TARGET_CUDA is ONNX Runtime's provider of this name, others mean the CPU."""
        backends.check_target(targetId)
        self._target = targetId

    def enableFusion(self, fusion: bool) -> None:
        """Nothing to do: asking for a layer's output keeps it."""

    def enableWinograd(self, useWinograd: bool) -> None:
        """Nothing to do: ONNX Runtime chooses its algorithms."""

    def setHalideScheduler(self, scheduler: str) -> None:
        """Nothing to do: there is no Halide."""

    # What a network that was read does not do

    addLayer = addLayerToPrev = connect = refusal(
        "a network that was read cannot be changed", "a rewrite pass: regraft compile --plugin my_pass.py"
    )
    dumpToPbtxt = refusal("networks are not written as pbtxt", "dumpToFile(path), or regraft inspect MODEL --open")
    getInputDetails = getOutputDetails = refusal(
        "scales and zero points are kept inside the network",
        "regraft inspect MODEL, which lists its inputs and outputs",
    )
    quantize = refusal(
        "a network is quantised when it is compiled", "regraft compile --precision int8 --calibration DIR"
    )
    readFromModelOptimizer = Net_readFromModelOptimizer
    registerOutput = refusal("outputs need not be registered", "forward(name), of any layer or blob")

    # As text

    def dump(self) -> str:
        """The network as a graph in the language of Graphviz."""
        return cost.dot(self._net.layers, self._input_names)

    def dumpToFile(self, path: str) -> None:
        """Write what `dump` gives."""
        Path(path).write_text(self.dump(), encoding="utf-8")

    # Inside

    @property
    def _net(self) -> Source:
        if self._source is None:
            raise _refused("the network is empty", "readNetFromCaffe(prototxt, caffeModel)")
        return self._source

    def _input(self, name: str) -> str:
        """The source's name of an input."""
        inputs = list(self._net.inputs)
        plain = name.removesuffix(":0")
        if not name or plain in self._input_names:
            return inputs[self._input_names.index(plain) if name else 0]
        if plain in inputs:
            return plain
        raise UsageError(
            Diagnostic(
                "no-such-input",
                f"no input is called {name!r}",
                lines=(f"there is {listing(self._input_names)}",),
                cures=tuple(did_you_mean(name, self._input_names, most=1)),
            )
        )

    def _last(self) -> str:
        found = [info.name for info in self._net.layers.values() if info.outputs]
        return found[-1]

    def _ends(self) -> list[str]:
        layers = self._net.layers
        read = {name for info in layers.values() for name, _ in info.inputs}
        return [name for name in layers if name not in read]

    def _info(self, key: LayerKey) -> LayerInfo:
        layers = self._net.layers
        if isinstance(key, str):
            known = key if key in layers else self._net.aliases.get(key, "")
            if known in layers:
                return layers[known]
            cures = tuple(f"did you mean {near!r}?" for near in did_you_mean(key, layers, most=1))
            raise UsageError(Diagnostic("no-such-layer", f"no layer is called {key!r}", cures=cures))
        if not 0 < int(key) <= len(layers):
            raise _refused(f"there is no layer {key}", f"ids from 0 to {len(layers)}")
        return list(layers.values())[int(key) - 1]

    def _run(self, wanted: tuple[str, ...]) -> dict[str, Array]:
        runner = self._runner(wanted)
        started = time.perf_counter_ns()
        found = runner.run(self._feeds)
        self._last_run = _Run(time.perf_counter_ns() - started, wanted, dict(self._feeds))
        return found

    def _runner(self, wanted: tuple[str, ...]) -> Runner:
        net = self._net
        if not wanted:
            raise _refused("no outputs are named")
        for name in wanted:
            if not net.knows(name):
                near = did_you_mean(name, net.names())
                cures = (f"did you mean {listing(near)}?",) if near else ("getLayerNames() lists the layers",)
                raise UsageError(Diagnostic("no-such-layer", f"no layer or blob is called {name!r}", cures=cures))
        if not self._feeds and net.inputs and not self._shapes:
            raise RunError(Diagnostic("missing-input", "no input is set", cures=("setInput(blob)",)))
        shapes = {**self._shapes, **{name: array.shape for name, array in self._feeds.items()}}
        return self._compiled(wanted, shapes)

    def _compiled(self, wanted: tuple[str, ...], shapes: Mapping[str, Shape]) -> Runner:
        assert self._runners is not None
        return self._runners.get(wanted, shapes, backends.providers(self._backend, self._target))

    def _sizes(self, shapes: Any) -> tuple[list[tuple[int, ...]], dict[str, cost.LayerShapes]]:
        """The inputs' shapes, and those of all layers."""
        if shapes is None:
            raise _refused("the shapes of the inputs are not given")
        many: list[Any] = [shapes] if len(shapes) and np.ndim(shapes[0]) == 0 else list(shapes)
        given = [tuple(int(d) for d in shape) for shape in many]
        net = self._net
        named = dict(zip(net.inputs, given, strict=False))
        pins = tuple(pin for info in net.layers.values() for pin in info.pins)
        runner = net.runner(pins, named, ("cpu",))
        found = runner.shapes()
        if None in found.values():
            ran = runner.run({name: np.zeros(shape, np.float32) for name, shape in named.items()})
            found = {name: array.shape for name, array in ran.items()}
        known = {name: shape for name, shape in found.items() if shape is not None}
        return given, cost.layer_shapes(net.layers, given, known)


def _refused(message: str, *cures: str) -> UsageError:
    return UsageError(Diagnostic("bad-call", message, cures=cures))
