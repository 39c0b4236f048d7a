// Internal to node: the frames that nodes send each other. One byte kind, then the canonical
// encoding of the kind's struct; kConsensus carries an encoded consensus::SignedMessage.
// docs/DATA_FORMAT.md repeats this. Decoding is bounded by the frame (16 MiB, the transport's
// limit) and the counts here.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <vector>

#include "base/codec.h"
#include "chain/ids.h"
#include "consensus/verify.h"
#include "node/ports.h"

namespace imi::node {

enum class FrameKind : std::uint8_t {
  kConsensus = 0,
  kPush = 1,
  kAck = 2,
  kFetchBodies = 3,
  kBodies = 4,
  kFetchRuns = 5,
  kRuns = 6,
  kFollow =
      7,  // nothing more: the sender does not vote, and wants each stable checkpoint's certificate
};

inline constexpr std::size_t kMaxFrameItems = 8192;
inline constexpr std::size_t kMaxFrameRuns = 256;
inline constexpr std::size_t kMaxRunBlocks = 64;

// Submissions that the sender admitted, for the receiver's pool. Answered by an Ack of this number.
struct PushFrame {
  std::uint64_t number = 0;
  std::vector<Bytes> submissions;
  template <class A>
  void serialize(A& ar) {
    ar(number, submissions);
    require(ar, submissions.size() <= kMaxFrameItems);
  }
};

// The push was handled: everything in it is held or was committed, except the items at the places
// `refused` (ascending).
struct AckFrame {
  std::uint64_t number = 0;
  std::vector<std::uint32_t> refused;
  template <class A>
  void serialize(A& ar) {
    ar(number, refused);
    require(ar, refused.size() <= kMaxFrameItems);
  }
};

// Asks for bodies by content hash. `height`: of the block that lists them, so that they are found
// once they are no longer in memory.
struct FetchBodiesFrame {
  chain::Height height;
  std::vector<chain::ContentHash> contents;
  template <class A>
  void serialize(A& ar) {
    ar(height, contents);
    require(ar, contents.size() <= kMaxFrameItems);
  }
};

// The answer: those that the sender has, as far as its limits go; empty if it has none.
struct BodiesFrame {
  std::vector<Bytes> submissions;
  template <class A>
  void serialize(A& ar) {
    ar(submissions);
    require(ar, submissions.size() <= kMaxFrameItems);
  }
};

// Catch-up (D2): asks for blocks from `from` on, at most to `to`, and about `max_bytes` of them
// with their bodies. `checkpoints_only`: the asker is an observer and cannot use commit
// certificates (D6).
struct FetchRunsFrame {
  chain::Height from;
  chain::Height to;
  std::uint64_t max_bytes = 0;
  bool checkpoints_only = false;
  template <class A>
  void serialize(A& ar) {
    ar(from, to, max_bytes, checkpoints_only);
  }
};

// The answer: consecutive runs from the height asked for, each under its certificate; none if the
// sender cannot serve that height. `bodies`: as many of their bodies, in order, as fit; the rest is
// asked for by content hash.
struct RunsFrame {
  chain::Height from;
  std::vector<consensus::SyncedBlocks> runs;
  std::vector<Bytes> bodies;
  template <class A>
  void serialize(A& ar) {
    ar(from, runs, bodies);
    require(ar, runs.size() <= kMaxFrameRuns && bodies.size() <= 2 * kMaxFrameItems);
  }
};

template <class T>
[[nodiscard]] SharedBytes make_frame(FrameKind kind, const T& value) {
  auto out = std::make_shared<Bytes>();
  out->push_back(static_cast<std::uint8_t>(kind));
  encode_to(*out, value);
  return out;
}

template <class T>
[[nodiscard]] std::expected<T, CodecError> read_frame(const Bytes& frame) {
  return decode<T>(ByteView(frame).subspan(1));
}

// The same bytes as make_frame() of a PushFrame or BodiesFrame, with each body copied once.
[[nodiscard]] inline SharedBytes make_body_list(Bytes head, std::span<const SharedBytes> bodies) {
  std::size_t size = head.size() + 10;
  for (const SharedBytes& b : bodies) size += b->size() + 10;
  auto out = std::make_shared<Bytes>(std::move(head));
  out->reserve(size);
  EncodeArchive ar(*out);
  ar.varint(bodies.size());
  for (const SharedBytes& b : bodies) {
    ar.varint(b->size());
    ar.raw(*b);
  }
  return out;
}
[[nodiscard]] inline SharedBytes make_push_frame(std::uint64_t number,
                                                 std::span<const SharedBytes> bodies) {
  Bytes head{static_cast<std::uint8_t>(FrameKind::kPush)};
  encode_to(head, number);
  return make_body_list(std::move(head), bodies);
}
[[nodiscard]] inline SharedBytes make_bodies_frame(std::span<const SharedBytes> bodies) {
  return make_body_list({static_cast<std::uint8_t>(FrameKind::kBodies)}, bodies);
}

// What the ledger stores beside a block (opaque to it): what proves the block's place. A commit
// certificate, or for blocks that came by catch-up under a later checkpoint certificate, that one.
using StoredProof = std::variant<consensus::CommitCertificate, chain::CheckpointCertificate>;

}  // namespace imi::node
