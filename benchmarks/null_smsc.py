"""An SMS centre that takes everything and reports it as delivered, as fast as it can: `python -m benchmarks.null_smsc`.

It prints its port. Bytes are put together by hand, so that it is never the slower side.
"""

import socket
import sys
import threading
import time

_BIND = {0x1, 0x2, 0x9}
_SUBMIT, _RESPONSE = 0x4, 0x80000000


def main() -> None:
    """Serve until killed."""
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    rest, number = b"", time.monotonic_ns() & 0xFFFFFFFF  # ids of two connections differ
    while data := _received(connection):
        data, at, out = rest + data, 0, bytearray()
        while len(data) - at >= 16:
            length = int.from_bytes(data[at : at + 4], "big")
            if len(data) - at < length:
                break
            command, sequence = int.from_bytes(data[at + 4 : at + 8], "big"), data[at + 12 : at + 16]
            if command == _SUBMIT:
                number += 1
                _take(out, sequence, number, data[at : at + length])
            elif command in _BIND:
                out += _pdu(command | _RESPONSE, sequence, b"null\0")
            elif not command & _RESPONSE:
                out += _pdu(command | _RESPONSE, sequence, b"")
            at += length
        rest = data[at:]
        if out:
            connection.sendall(out)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 18)
    except ConnectionResetError:
        return b""


def _take(out: bytearray, sequence: bytes, number: int, submit: bytes) -> None:
    id_ = b"%d" % number
    out += _pdu(_SUBMIT | _RESPONSE, sequence, id_ + b"\0")
    at = submit.index(b"\0", 16) + 3  # service_type, then source
    sender_end = submit.index(b"\0", at)
    to_end = submit.index(b"\0", sender_end + 3)
    sender, to = submit[at:sender_end], submit[sender_end + 3 : to_end]
    text = b"id:%s sub:001 dlvrd:001 submit date:2603020900 done date:2603020900 stat:DELIVRD err:000 text:" % id_
    body = b"\0\1\1" + to + b"\0\1\1" + sender + b"\0\4\0\0\0\0\0\0\0\0" + bytes([len(text)]) + text
    out += _pdu(0x5, (number & 0x7FFFFFFF).to_bytes(4, "big"), body)


def _pdu(command: int, sequence: bytes, body: bytes) -> bytes:
    return (16 + len(body)).to_bytes(4, "big") + command.to_bytes(4, "big") + bytes(4) + sequence + body


if __name__ == "__main__":
    main()
