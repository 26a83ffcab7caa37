"""The same verbs for a shell. One module a verb; a verb's heavy imports happen when it runs."""
