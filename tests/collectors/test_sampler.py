"""The sampler's frames, however the stream is split, and the sample that each becomes."""

from hypothesis import given, strategies as st

from collectors.kernel import procfs, sampler, sampler_program

FRAME = b"\x1eframe 0\n\x1euptime\n12.50\n\x1enetns\nnet:[42]\n\x1efiles\n==> /proc/net/snmp <==\nTcp: RetransSegs\nTcp: 7\n\x1eend\n"


@given(st.lists(st.integers(1, 40), max_size=20))
def test_frames_come_out_of_any_pieces(sizes: list[int]) -> None:
    reader, frames, stream = sampler.FrameReader(), [], FRAME * 3
    while stream:
        size = sizes.pop() if sizes else len(stream)
        frames += list(reader.feed(stream[:size]))
        stream = stream[size:]
    assert len(frames) == 3
    found = sampler.sample(frames[0], "pod/a/b", 1.0)
    assert (found.clock, found.netns, found.values) == (12.5, "net:[42]", {"TcpRetransSegs": 7})
    assert "/proc/net/netstat" in found.missing


@given(st.binary(max_size=300))
def test_no_output_breaks_the_frame_reader(data: bytes) -> None:
    for frame in sampler.FrameReader().feed(data + b"\x1eend\n"):
        try:
            list(sampler.events(frame, "x", 0.0))
        except sampler.SamplerError as error:
            assert str(error)


def test_settings_go_on_until_they_are_read_again() -> None:
    def frame(kind: str, text: str) -> sampler.SamplerFrame:
        raw = f"\x1eframe 0\n\x1euptime\n1\n\x1enetns\nn\n\x1e{kind}\n{text}\x1eend\n".encode()
        (found,) = sampler.FrameReader().feed(raw)
        return found

    limit = "==> /proc/sys/net/netfilter/nf_conntrack_max <==\n{}\n\n"
    count = "==> /proc/sys/net/netfilter/nf_conntrack_count <==\n7\n"
    settings: procfs.Values = {}
    first = sampler.sample(frame("all files", limit.format(100) + count), "x", 0, settings)
    second = sampler.sample(frame("files", count), "x", 1, settings)
    third = sampler.sample(frame("all files", limit.format(200) + count), "x", 2, settings)
    gone = sampler.sample(frame("all files", count), "x", 3, settings)
    limits = [s.values.get("conntrack_max") for s in (first, second, third, gone)]
    assert limits == [100, 100, 200, None] and second.values["conntrack_count"] == 7
    assert "/proc/net/snmp" in second.missing and not any(
        "sys/net/core" in path for path in second.missing
    )


def test_one_sample_costs_little_on_a_node() -> None:
    """Few processes a tick: on a node of many pods each is felt. tail, readlink, two ss, sleep."""
    assert "cat " not in sampler_program.PROGRAM, "one process reads all files of a tick"
