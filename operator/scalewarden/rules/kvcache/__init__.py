"""KVC: the memory that bounds LLM inference."""
