"""The words of questions for a value of the fact card: what it is called, what stands around it."""
