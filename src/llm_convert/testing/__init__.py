"""Public fakes with dials, and the contract test suites of the ports. Nothing outside of tests imports this room."""
