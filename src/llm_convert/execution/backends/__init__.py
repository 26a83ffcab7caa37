"""Where executions run: one module a platform. A backend starts, finds, tells and cancels; it decides nothing."""
