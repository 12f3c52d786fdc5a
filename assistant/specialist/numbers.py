"""Numbers that a specialist's language model writes of a molecule that it reads by graph tokens.

molecule ─► graph ─► encoder ─► projector ─► graph tokens ─┬─► language model + LoRA ─► "-0.2451"
                                          question's words ┘
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assistant.adapters.lora import wrap
from assistant.adapters.peft_format import read_peft_lora
from assistant.adapters.weights import LoraWeights
from assistant.chat.short_values import SHORT_VALUES, ShortValue
from assistant.checkpoint import load_weights, read_config
from assistant.chem.molecule import Molecule
from assistant.encoding import MoleculeEncoder
from assistant.errors import BundleError
from assistant.graph.encoder import read_encoder
from assistant.graph.projector import MultiLevelProjector, ProjectorConfig
from assistant.llm.layout import layout
from assistant.llm.load import LoadedLLM
from assistant.llm.requests import Engine, Queued, Request
from assistant.llm.sampling import Sampling
from assistant.llm.splice import splice
from assistant.predicted.figures import FIGURES
from assistant.predicted.values import PredictedQuantity
from assistant.specialist.number_files import ENCODER, LORA, PROJECTOR, NumberInfo
from assistant.specialist.writer import Asking

_MOST_TOKENS = 16


@dataclass(frozen=True)
class WrittenNumber:
    """One quantity that the language model writes.

    Attributes:
        value: Which.
        info: Of which molecules, and between which values.
        encoder: Gives their graph tokens.
        lora: Under which the language model writes.
        measured: Errors and training molecules; None where nobody has measured it.
    """

    value: ShortValue
    info: NumberInfo
    encoder: MoleculeEncoder
    lora: LoraWeights
    measured: PredictedQuantity | None

    @classmethod
    def load(cls, directory: Path, llm: LoadedLLM) -> "WrittenNumber | None":
        """Loads a directory as `train.numbers` writes it; None where it is for another model.

        Wraps the LoRA's sites in the language model.

        Raises:
            BundleError: Something is missing or damaged.
        """
        value = SHORT_VALUES.get(directory.name)
        if value is None:
            raise BundleError(f"{directory} holds a number that this program does not know.")
        info = NumberInfo.read(directory)
        if info.llm != llm.fingerprint:
            return None
        projector = MultiLevelProjector(
            read_config(directory / PROJECTOR, ProjectorConfig, component=PROJECTOR)
        )
        load_weights(directory / PROJECTOR, projector)
        lora = read_peft_lora(directory / LORA, llm.model, device=llm.device, dtype=llm.dtype)
        wrap(llm.model, lora)
        encoder = MoleculeEncoder(
            read_encoder(directory / ENCODER), projector, None, device=llm.device, dtype=llm.dtype
        )
        measured = PredictedQuantity(directory) if (directory / FIGURES).is_file() else None
        return cls(value, info, encoder, lora, measured)

    def request(self, molecule: Molecule, llm: LoadedLLM, asking: Asking) -> Request:
        """The question for a molecule, to be answered greedily."""
        question = layout(self.value.prompt(1), llm.tokenizer)
        encodings = {1: self.encoder.encode([molecule])[0]}
        embed = llm.model.get_input_embeddings()
        prompt = splice(question, encodings, embed, static=self.lora)
        return Request(
            prompt,
            Sampling(max_new_tokens=_MOST_TOKENS),
            asking.stop,
            asking.visitor,
            keeps_cache=False,
        )

    def written(
        self, molecules: Sequence[Molecule], llm: LoadedLLM, engine: Engine, asking: Asking
    ) -> Generator[Queued, None, tuple[float | None, ...]]:
        """The values that the language model writes, side by side.

        Args:
            molecules: Of its domain.
            llm: Reads and writes.
            engine: Draws.
            asking: Who asks.

        Yields:
            Where the question waits.

        Returns:
            None for each that is stopped, or is no number that can be meant.

        Raises:
            As `Engine.side_by_side` does.
        """
        requests = [self.request(molecule, llm, asking) for molecule in molecules]
        # The first one has the question's place, and with it have all.
        requests[0] = replace(requests[0], place=asking.place, progress=asking.progress)
        ends = yield from engine.side_by_side(requests)
        texts = [llm.tokenizer.decode(e.token_ids) if e.reason == "end" else "" for e in ends]
        values = [self.value.value_in(text) for text in texts]
        return tuple(value if self.info.may_be(value) else None for value in values)


def load_numbers(directory: Path, llm: LoadedLLM) -> Mapping[str, WrittenNumber | None]:
    """All numbers below a directory, by name; None for one that is for another language model.

    Raises:
        BundleError: One is damaged.
    """
    places = sorted(p for p in directory.iterdir() if p.is_dir()) if directory.is_dir() else []
    return {place.name: WrittenNumber.load(place, llm) for place in places}
