"""Low-rank weights: how they are applied (`lora`) and how a molecule generates them."""
