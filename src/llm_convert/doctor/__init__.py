"""The doctor: checks, from where it runs, everything that the settings name, and names the command that mends it.

It may use any adapter through ``wiring`` and ask the platforms for permissions; it changes nothing but a probe that it
removes again, and it spends money only where it is asked to call the models.
"""

from llm_convert.doctor.diagnosis import diagnose
from llm_convert.doctor.finding import Finding, State, is_healthy

__all__ = ["Finding", "State", "diagnose", "is_healthy"]
