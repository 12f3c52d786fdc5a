"""How float matrices are multiplied with: a value that needs no torch."""

from dataclasses import dataclass


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
