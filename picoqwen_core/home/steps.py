"""By how much a relative request changes a value: "brighter", "much brighter", "by 10", "twice as bright"."""

from picoqwen_core.home.decision import Action

# A lot is so many plain steps.
_LOT = 2
_DOWN = ("dimmer", "cooler", "quieter", "fan_slower")


def step_of(action: Action, now: float, step: float) -> float:
    """What to add to the present value, negative for less; `step` is how far a plain "more" goes."""
    match action.value:
        case int() | float() as number:
            size = float(number)
        case "lot":
            size = _LOT * step
        case "half":
            size = now / 2
        case "double":
            size = now
        case _:
            size = step
    return -size if action.verb in _DOWN else size
