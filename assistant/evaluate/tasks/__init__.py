"""What is asked: rows of a table, the question, how the answer is read, how it is scored."""
