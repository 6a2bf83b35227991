"""What executes, renders, compares and checks the book."""
