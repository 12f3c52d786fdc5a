"""How NF4 values and float matrices are multiplied with: values that need no torch."""

from dataclasses import dataclass

BYTES_PER_VALUE = {"bf16": 2, "fp32": 4}


@dataclass(frozen=True)
class ProductPlan:
    """What `products.Product` follows.

    Attributes:
        packed_from: Fewest tokens for which oneDNN's order is used; None keeps no such copy.
        wide: Activations stay in 32 bit beside matrices of 16.
    """

    packed_from: int | None = None
    wide: bool = False


PLAIN = ProductPlan()


@dataclass(frozen=True)
class Way:
    """A way to multiply with NF4 values on a processor.

    Two ways add the same products up in another order, so their answers may differ: a passport
    names the whole way, and `of_words` finds it again.

    Attributes:
        form: "nf4" (the kernel), or the type the values have: "bf16" or "fp32".
        by_columns: Whether the columns of a matrix lie together.
        packed_from: Fewest tokens for which oneDNN's order is used; None for never.
    """

    form: str
    by_columns: bool = False
    packed_from: int | None = None

    @property
    def bytes_per_value(self) -> int:
        """Memory of the matrices, the second copy in oneDNN's order included; 0 for 4 bit."""
        return BYTES_PER_VALUE.get(self.form, 0) * (1 if self.packed_from is None else 2)

    @property
    def head_bytes_per_value(self) -> int:
        """Memory beside the model's own matrix of the head, which stays as it is.

        With wide activations the head multiplies in 32 bit; what is only multiplied with in
        oneDNN's order is kept in no other.
        """
        if self.form == "nf4":
            return 0
        in_order = 0 if self.packed_from is None else BYTES_PER_VALUE["fp32"]
        widened = 0 if self.packed_from == 1 or not self.plan.wide else BYTES_PER_VALUE["fp32"]
        return in_order + widened

    @property
    def plan(self) -> ProductPlan:
        """How `products.Product` multiplies this way."""
        return ProductPlan(self.packed_from, wide=self.form == "bf16")

    @property
    def words(self) -> str:
        """For the header and the passport; the kernel's are not known here."""
        return f"NF4 values, computed in {self.form}, matrices {self._layout}"

    @property
    def _layout(self) -> str:
        plain = "by columns" if self.by_columns else "by rows"
        if self.packed_from is None:
            return plain
        if self.packed_from == 1:
            return "in oneDNN's order"
        return f"{plain}, from {self.packed_from} tokens on in oneDNN's order"

    @staticmethod
    def of_words(words: str) -> "Way | None":
        """The way among `FLOAT_WAYS` that has these words."""
        return next((way for way in FLOAT_WAYS if way.words == words), None)


# Packed from the first token on, columns would not be used.
_LAYOUTS = ((False, 1), (True, 2), (False, 2), (True, None), (False, None))
FLOAT_WAYS = tuple(Way(form, *layout) for form in BYTES_PER_VALUE for layout in _LAYOUTS)
"""Ways with float matrices. Where two are as fast, the first is to be taken."""
