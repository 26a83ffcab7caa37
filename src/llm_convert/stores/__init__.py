"""Object stores: leaves that implement ``ports.ObjectStore``, one module a kind. Nothing here knows what is stored."""
