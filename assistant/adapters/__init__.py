"""Low-rank weights: how they are applied (`lora`), made for a molecule, or mixed from experts."""
