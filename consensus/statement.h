// What members sign, each statement on its own: kind, view, height, subject and signature, apart
// from the message or certificate that carried it. That is all its signature can be checked with,
// so a statement certifies itself wherever it appears. B6 depends on it: a validator's own
// statements are recognised in every message and certificate, and members keep each other's last
// ones.
#pragma once

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "consensus/certificates.h"

namespace imi::consensus {

struct SignedMessage;
struct ViewChange;
struct NewView;

enum class StatementOf : std::uint8_t {  // part of the format
  kPrePrepare = 0,
  kPrepare = 1,
  kCommit = 2,
  kCheckpoint = 3,
  kViewChange = 4,
  kNewView = 5,
};
inline constexpr std::size_t kStatementKinds = 6;
constexpr bool is_known(StatementOf s) { return static_cast<std::size_t>(s) < kStatementKinds; }

struct Statement {
  StatementOf kind{};
  View view;      // zero for a CHECKPOINT
  Height height;  // zero for VIEW-CHANGE and NEW-VIEW
  // A CHECKPOINT's head; else 32 bytes: the block id, or the content_digest() of a VIEW-CHANGE or
  // NEW-VIEW.
  std::variant<Hash256, LedgerHead> subject;
  crypto::Signature signature;
  bool operator==(const Statement&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(enum_field(kind), view, height, subject, signature);
  }
  // Statements of one kind by one honest member were made in this order.
  [[nodiscard]] std::pair<View, Height> order() const { return {view, height}; }
};

// What the signature covers, if the statement is well-formed: its subject is of the kind's type, a
// head is of this chain and epoch, and view and height are zero where the kind has none.
[[nodiscard]] std::optional<Hash256> signed_digest(const GenesisId& genesis, Epoch epoch,
                                                   MemberId member, const Statement& s);

// The subject of a VIEW-CHANGE or NEW-VIEW statement: H("imi.statement", genesis id || kind ||
// message). It is the short form of a long message and is never signed on its own.
[[nodiscard]] Hash256 content_digest(const GenesisId& genesis, const ViewChange& message);
[[nodiscard]] Hash256 content_digest(const GenesisId& genesis, const NewView& message);

// A statement where it appears: cheap to pass, made into a Statement only where it is needed.
class FoundStatement {
 public:
  MemberId member;
  StatementOf kind{};
  View view;
  Height height;
  [[nodiscard]] std::pair<View, Height> order() const { return {view, height}; }
  [[nodiscard]] Statement take(const GenesisId& genesis) const;

 private:
  friend class StatementFinder;
  std::variant<const BlockId*, const LedgerHead*, const ViewChange*, const NewView*> subject_;
  const crypto::Signature* signature_ = nullptr;
};

// Calls `found` for every statement that a message or certificate carries, those nested in its
// certificates among them. All of them have been verified, or there would be no VerifiedMessage.
class StatementFinder {
 public:
  using Found = std::function<void(const FoundStatement&)>;
  StatementFinder(const GenesisId& genesis, const ValidatorSet& set, Found found)
      : genesis_(genesis), set_(set), found_(std::move(found)) {}
  void in(const SignedMessage& m);
  void in(const CommitCertificate& c);
  void in(const PreparedCertificate& c);
  void in(const CheckpointCertificate& c);

 private:
  void in(const ViewChange& v);
  void in(const NewView& n);
  void vote(MemberId member, StatementOf kind, View view, Height height, const BlockId& id,
            const crypto::Signature& signature);
  const GenesisId& genesis_;
  const ValidatorSet& set_;
  Found found_;
};

}  // namespace imi::consensus
