"""An independent reader of IMI Ledger's formats, written from docs/DATA_FORMAT.md alone.

It shares no code with the node: its own codec, its own elliptic curve, Python's BLAKE2b. Slow on
purpose and plain on purpose. Standard library only.
"""

import hashlib


class FormatError(Exception):
    """The bytes are not in the one canonical form."""


# ---- hashing -------------------------------------------------------------------------


def H(domain: str, *parts: bytes) -> bytes:
    """BLAKE2b-256 with the domain as the 16-byte personal parameter."""
    h = hashlib.blake2b(digest_size=32, person=domain.encode().ljust(16, b"\0"))
    for p in parts:
        h.update(p)
    return h.digest()


# ---- codec ---------------------------------------------------------------------------


class Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def remaining(self) -> int:
        return len(self.data) - self.at

    def raw(self, n: int) -> bytes:
        if n > self.remaining():
            raise FormatError(f"truncated at byte {self.at}")
        out = self.data[self.at : self.at + n]
        self.at += n
        return out

    def u8(self) -> int:
        return self.raw(1)[0]

    def uint(self, bits: int = 64) -> int:
        value, shift = 0, 0
        while True:
            b = self.u8()
            value |= (b & 0x7F) << shift
            if b & 0x80 == 0:
                if b == 0 and shift != 0:
                    raise FormatError("number not in its shortest form")
                break
            shift += 7
            if shift > 63:
                raise FormatError("number too long")
        if value >> bits:
            raise FormatError("number too large for its field")
        return value

    def sint(self, bits: int = 64) -> int:
        z = self.uint(bits)
        return (z >> 1) ^ -(z & 1)

    def bool(self) -> bool:
        b = self.u8()
        if b > 1:
            raise FormatError("neither 0 nor 1")
        return b == 1

    def blob(self) -> bytes:
        n = self.uint()
        if n > self.remaining():
            raise FormatError("length beyond the bytes that remain")
        return self.raw(n)

    def text(self) -> str:
        return self.blob().decode("utf-8", "surrogateescape")

    def seq(self, element):
        n = self.uint()
        if n > self.remaining():
            raise FormatError("count beyond the bytes that remain")
        return [element(self) for _ in range(n)]

    def opt(self, element):
        return element(self) if self.bool() else None

    def version(self, n: int):
        if self.u8() != n:
            raise FormatError("unknown schema version")

    def end(self):
        if self.remaining():
            raise FormatError("bytes remain after the value")


def w_uint(v: int) -> bytes:
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def w_sint(v: int) -> bytes:
    return w_uint((v << 1) ^ (v >> 63) if v >= 0 else ((-v) << 1) - 1)


def w_blob(v: bytes) -> bytes:
    return w_uint(len(v)) + v


# ---- secp256k1 -----------------------------------------------------------------------

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def _add(a, b):
    if a is None:
        return b
    if b is None:
        return a
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        m = 3 * a[0] * a[0] * pow(2 * a[1], -1, P) % P
    else:
        m = (b[1] - a[1]) * pow(b[0] - a[0], -1, P) % P
    x = (m * m - a[0] - b[0]) % P
    return x, (m * (a[0] - x) - a[1]) % P


def _mul(point, k: int):
    out = None
    while k:
        if k & 1:
            out = _add(out, point)
        point = _add(point, point)
        k >>= 1
    return out


def parse_point(key: bytes):
    if len(key) != 33 or key[0] not in (2, 3):
        return None
    x = int.from_bytes(key[1:], "big")
    if x >= P:
        return None
    y2 = (pow(x, 3, P) + 7) % P
    y = pow(y2, (P + 1) // 4, P)
    if y * y % P != y2:
        return None
    return x, y if y & 1 == key[0] & 1 else P - y


def ecdsa_verify(key: bytes, digest: bytes, signature: bytes) -> bool:
    """64-byte R||S over a 32-byte digest; high S is refused."""
    point = parse_point(key)
    if point is None or len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not 0 < r < N or not 0 < s <= N // 2:
        return False
    w = pow(s, -1, N)
    z = int.from_bytes(digest, "big")
    out = _add(_mul(G, z * w % N), _mul(point, r * w % N))
    return out is not None and out[0] % N == r


# ---- chain: validator sets, heads, certificates --------------------------------------


def read_validator(r: Reader):
    return {"name": r.text(), "key": r.raw(33), "tls_key_pin": r.raw(32)}


def read_validator_set(r: Reader):
    start = r.at
    out = {"epoch": r.uint(32), "members": r.seq(read_validator)}
    out["digest"] = H("imi.validators", r.data[start : r.at])
    return out


def quorum(n: int) -> int:
    f = (n - 1) // 3
    return (n + f + 2) // 2


def read_head(r: Reader):
    start = r.at
    r.version(2)
    head = {
        "genesis": r.raw(32),
        "epoch": r.uint(32),
        "height": r.uint(),
        "time": r.sint(),
        "block": r.raw(32),
        "state_root": r.raw(32),
        "log_root": r.raw(32),
        "log_size": r.uint(),
        "validators_digest": r.raw(32),
        "next_validators_digest": r.raw(32),
        "params_digest": r.raw(32),
        "heads_root": r.raw(32),
    }
    head["bytes"] = r.data[start : r.at]
    return head


def read_member_signature(r: Reader):
    """(member, signature): a list of signatures by suite, of which this version has one."""
    member = r.uint(16)
    if (r.u8(), r.u8(), r.u8()) != (1, 1, 64):
        raise FormatError("a signature of a suite that this version does not know")
    return member, r.raw(64)


def read_certificate(r: Reader):
    head = read_head(r)
    return {"head": head, "signatures": r.seq(read_member_signature)}


CHECKPOINT = 19


def statement(genesis: bytes, kind: int, *fields: bytes) -> bytes:
    return H("imi.statement", genesis, bytes([kind]), *fields)


def check_certificate(certificate, genesis: bytes, validators) -> None:
    """Raises FormatError with the reason unless q distinct members signed the head."""
    head = certificate["head"]
    if head["genesis"] != genesis:
        raise FormatError("the certificate belongs to another chain")
    if head["epoch"] != validators["epoch"]:
        raise FormatError("the certificate belongs to another epoch")
    if head["validators_digest"] != validators["digest"]:
        raise FormatError("the head names another validator set")
    members = [m for m, _ in certificate["signatures"]]
    if any(a >= b for a, b in zip(members, members[1:])):
        raise FormatError("the signers are not in strict order")
    if len(members) < quorum(len(validators["members"])):
        raise FormatError("fewer signers than a quorum")
    for member, signature in certificate["signatures"]:
        if member >= len(validators["members"]):
            raise FormatError("a signer outside the set")
        digest = statement(
            genesis, CHECKPOINT, w_uint(head["epoch"]), w_uint(member), head["bytes"]
        )
        if not ecdsa_verify(validators["members"][member]["key"], digest, signature):
            raise FormatError(f"the signature of member {member} is not valid")
