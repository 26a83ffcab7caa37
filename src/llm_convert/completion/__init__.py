"""Calling a model: which models there are and what they cost, the tool an answer must fill, and the providers.

Providers are leaves: each translates its vendor's words into ours and keeps its package inside its functions. This room
never looks into a document, never judges an answer and never retries; the caller owns all three.
"""
