"""Counter samples for tests of what is made of them."""

from collectors.events import CounterSample


def sample(clock: float, netns: str = "n", **values: int) -> CounterSample:
    return CounterSample(1000 + clock, "t", clock, netns, values)
