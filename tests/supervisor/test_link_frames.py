import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.link_frames import FrameError, FrameReader, FrameTooLarge, FrameWriter

LIMIT = 1 << 16

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text("abc"), inner, max_size=5),
    max_leaves=15,
)
frames = st.lists(st.lists(values, max_size=5), max_size=8)


def read_all(reader: FrameReader) -> list[object]:
    taken: list[object] = []
    while (frame := reader.take()) is not None:
        taken.append(frame)
    return taken


@given(frames, st.data())
def test_any_cut_of_the_bytes_gives_the_same_frames(
    sent: list[list[object]], data: st.DataObject
) -> None:
    writer = FrameWriter(LIMIT)
    stream = b"".join(writer.encode(frame) for frame in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader = FrameReader(LIMIT)
    received: list[object] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        received += read_all(reader)
    assert received == sent
    assert reader.held_bytes == 0


@given(st.binary(max_size=300))
def test_garbage_gives_frames_or_a_frame_error_and_nothing_else(garbage: bytes) -> None:
    reader = FrameReader(LIMIT)
    try:
        reader.feed(garbage)
        assert all(type(frame) is list for frame in read_all(reader))
    except FrameError:
        pass


@given(st.binary(min_size=1, max_size=300))
def test_garbage_in_a_right_length_never_reads_past_its_end(garbage: bytes) -> None:
    reader = FrameReader(LIMIT)
    following = FrameWriter(LIMIT).encode(["whole"])
    reader.feed(len(garbage).to_bytes(4, "big") + garbage + following)
    try:
        received = read_all(reader)
    except FrameError:
        return
    assert received == [msgpack.unpackb(garbage, strict_map_key=False), ["whole"]]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "a frame of 1195725856 bytes"),
        (b"\x00\x00\x00\x00", "a frame of 0 bytes"),
        (b"\x00\x01\x00\x01", "a frame of 65537 bytes"),
        (b"\x00\x00\x00\x01\xc1", "no MessagePack"),
        (b"\x00\x00\x00\x01\x07", "an array, not int"),
        (b"\x00\x00\x00\x03\x91\x01\x01", "a frame of 3 bytes has 2"),
        (b"\x00\x00\x00\x05\xdd\xff\xff\xff\xff", "no MessagePack"),
        (b"\x00\x00\x00\x02\x91\x91", "no MessagePack"),
        (b"\x00\x00\x00\x04\x81\x91\x01\x01", "no MessagePack"),
    ],
)
def test_what_is_no_frame_is_named(data: bytes, complaint: str) -> None:
    reader = FrameReader(LIMIT)
    reader.feed(data)
    with pytest.raises(FrameError, match=complaint):
        reader.take()


def test_a_frame_above_the_limit_is_refused_before_its_bytes_come() -> None:
    reader = FrameReader(100)
    reader.feed((101).to_bytes(4, "big"))
    with pytest.raises(FrameError, match="101 bytes"):
        reader.take()


def test_more_bytes_than_frames_can_hold_are_refused() -> None:
    reader = FrameReader(1024)
    reader.feed(bytes(1 << 20))
    with pytest.raises(FrameError, match="are waiting"):
        reader.feed(bytes(1 << 20))


def test_a_value_above_the_limit_is_refused_and_the_writer_works_on() -> None:
    writer = FrameWriter(100)
    with pytest.raises(FrameTooLarge) as caught:
        writer.encode([bytes(200)])
    assert (caught.value.size_bytes, caught.value.limit_bytes) == (203, 100)
    assert writer.encode([1]) == b"\x00\x00\x00\x02\x91\x01"


@pytest.mark.parametrize("value", [[1, "xx", object()], ["\ud800"], [1 << 64], [{1, 2}]])
def test_what_messagepack_cannot_hold_is_refused_and_the_writer_works_on(value: object) -> None:
    writer = FrameWriter(100)
    with pytest.raises((TypeError, ValueError, OverflowError)):
        writer.encode(value)
    assert writer.encode([1]) == b"\x00\x00\x00\x02\x91\x01"
