"""No frame is unpickled that was not signed by a process of this tree.

Thespian unpickles the first complete frame that anyone sends to any of its ports: whoever reaches
a port runs code. `harden()` binds the ports to loopback and puts an HMAC before every pickle; the
key exists only in the memory of the tree, children have it by the fork.

What is patched are three names of `thespian.system.transport.TCPTransport` that Thespian 4.0.1
looks up at each call. The version is pinned, `harden()` refuses another one, and
tests/supervisor/test_signing.py attacks a real tree.
"""

import hashlib
import hmac
import pickle
import secrets
from importlib.metadata import version
from typing import Any

from thespian.system import systemCommon
from thespian.system.transport import TCPTransport
from thespian.system.transport.streamBuffer import ackDataErrPacket, ackPacket, toSendBuffer

from supervisor.loopback import bind_to_loopback

THESPIAN_VERSION = "4.0.1"
KEY_BYTES = 32
_DIGEST_BYTES = hashlib.sha256().digest_size
# Thespian's send() sleeps 0.1 s in the sender above 4,480 messages a second. The tree sends a few
# pings; a supervisor that sleeps is worse than one that sends fast.
_UNTHROTTLED_PER_S = 10**9


class NotHardenedError(RuntimeError):
    """Thespian is not the version whose patches are known to work: nothing may be started."""


class UnsignedFrameError(ValueError):
    """A frame without this tree's signature; Thespian logs it and closes the connection."""


class SignedPickle:
    """Stands in for the `pickle` module inside Thespian's transport.

    Args:
        key: 16 bytes or more, the same in every process of the tree.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES // 2:
            raise ValueError(f"a key of {len(key)} bytes is too short")
        self._key = key

    def dumps(self, value: object) -> bytes:
        """32 bytes HMAC-SHA256, then the pickle."""
        body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
        return hmac.digest(self._key, body, hashlib.sha256) + body

    def loads(self, frame: bytes) -> Any:  # noqa: ANN401 - whatever was pickled
        """The value; UnsignedFrameError before anything is unpickled."""
        frame = bytes(frame)
        signature, body = frame[:_DIGEST_BYTES], frame[_DIGEST_BYTES:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, body, hashlib.sha256)):
            raise UnsignedFrameError("a frame is not signed by this tree")
        return pickle.loads(body)  # noqa: S301 - it is ours, that was just proved


def sign_frames(key: bytes) -> None:
    """From now on this process speaks only with processes that have the key.

    Raises:
        NotHardenedError: the names to patch are gone.
    """
    signed = SignedPickle(key)
    patches = {
        "serializer": signed,
        "ackMsg": toSendBuffer(ackPacket, signed.dumps),
        "ackDataErrMsg": toSendBuffer(ackDataErrPacket, signed.dumps),
    }
    for name, value in patches.items():
        if not hasattr(TCPTransport, name):
            raise NotHardenedError(f"thespian's TCPTransport has no {name}")
        setattr(TCPTransport, name, value)


def harden(key: bytes | None = None) -> None:
    """Close Thespian's ports to everyone else: loopback only, signed frames, no hidden throttle.

    Call it before `ActorSystem(...)`. Calling it again changes the key for systems started later.

    Args:
        key: default: 32 random bytes that only this process and its forks know.

    Raises:
        NotHardenedError: another Thespian is installed than the one that was examined.
    """
    if version("thespian") != THESPIAN_VERSION:
        raise NotHardenedError(
            f"thespian {version('thespian')} is installed; the patches are for {THESPIAN_VERSION}"
        )
    bind_to_loopback()
    sign_frames(key if key is not None else secrets.token_bytes(KEY_BYTES))
    systemCommon.RATE_THROTTLE = _UNTHROTTLED_PER_S
