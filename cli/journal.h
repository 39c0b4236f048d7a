// The journal of a write: it makes an import resumable, and ensures that a command that is run
// again applies nothing twice.
//
// Every submission is written here, signed and whole, and synced BEFORE it is sent. After a crash
// or Ctrl-C the next run asks the network for the fate of each unsettled id, and sends the same
// bytes again where none is known: the id (which covers the nonce) is the same, so the ledger
// applies it once. Only a submission proved expired is ever replaced by a new one, and rows that
// the ledger refused are signed anew in a later run: what they lacked may be there by then.
//
// File: "IMIJRNL1", then frames {length u32 LE, first 8 bytes of the BLAKE2b-256 of the payload,
// payload = codec bytes of Entry}. A torn or damaged tail (a crash in mid-write) is cut off when
// the file is opened: what it held was not yet sent. One process at a time (flock).
//
// Not thread-safe. Owner: the writing command.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "base/codec.h"
#include "chain/ids.h"

namespace imi::cli {

// What a journal is about. Another content, agency or chain is another journal.
struct JournalHeader {
  SchemaVersion<1> version;
  chain::GenesisId genesis;
  Hash256 author;
  std::string kind;        // "enterprises", "events", ...; "write" of a single command
  Hash256 content;         // of the whole input file, or of the command's entries
  std::uint64_t rows = 0;  // good rows in it
  bool operator==(const JournalHeader&) const = default;
  template <class A>
  void serialize(A& ar) {
    ar(version, genesis, author, kind, content, rows);
  }
};

struct JournalSubmission {
  chain::SubmissionId id;
  std::int64_t expiry_ms = 0;       // block time
  std::vector<std::uint64_t> rows;  // input row of each entry
  Bytes signed_bytes;               // what is sent, to the byte
  template <class A>
  void serialize(A& ar) {
    ar(id, expiry_ms, rows, signed_bytes);
  }
};

// In the place of a refusal: of a row that is already on the ledger with different content.
inline constexpr std::string_view kConflict = "conflict";
// Of a row whose submission expired so long ago that its fate can no longer be determined.
inline constexpr std::string_view kFateUnknown = "fate-unknown";
// The refusals that mean "the ledger has this already": the row needs no more sending.
[[nodiscard]] bool means_present(std::string_view refusal);

struct RowRefusal {
  std::uint64_t row = 0;
  std::string code;  // the ledger's refusal, e.g. "duplicate-source"; or as below
  template <class A>
  void serialize(A& ar) {
    ar(row, code);
  }
};

struct JournalSettled {
  chain::SubmissionId id;
  bool expired = false;      // proved never to commit
  std::uint64_t height = 0;  // else where it committed
  std::uint64_t accepted = 0;
  std::vector<RowRefusal> refused;
  template <class A>
  void serialize(A& ar) {
    ar(id, expired, height, accepted, refused);
  }
};

struct JournalError {
  enum class Reason : std::uint8_t { kIo, kBusy, kForeign, kDamaged };
  Reason reason{};
  std::string detail;
};
[[nodiscard]] std::string describe(const JournalError& e);

class Journal {
 public:
  // Opens or creates. An existing journal with another header is refused (kForeign).
  [[nodiscard]] static std::expected<Journal, JournalError> open(const std::string& path,
                                                                 const JournalHeader& header);
  Journal(Journal&& o) noexcept;
  Journal& operator=(Journal&&) = delete;
  Journal(const Journal&) = delete;
  ~Journal();

  // Appends; durable after the next sync().
  [[nodiscard]] std::expected<void, JournalError> add(const JournalSubmission& s);
  [[nodiscard]] std::expected<void, JournalError> add(const JournalSettled& s);
  [[nodiscard]] std::expected<void, JournalError> sync();

  [[nodiscard]] bool existed() const { return existed_; }
  // In the order written.
  [[nodiscard]] const std::vector<JournalSubmission>& submissions() const { return submissions_; }
  [[nodiscard]] const JournalSettled* settled(const chain::SubmissionId& id) const;
  // True when the row needs no sending: it is in a submission that is open, or that settled with
  // the row accepted or present.
  [[nodiscard]] bool covers(std::uint64_t row) const;
  [[nodiscard]] std::size_t cut_bytes() const { return cut_bytes_; }

 private:
  Journal() = default;
  [[nodiscard]] std::expected<void, JournalError> load(const JournalHeader& header);
  [[nodiscard]] std::expected<void, JournalError> append(const Bytes& payload);
  void apply(JournalSubmission s);
  void apply(JournalSettled s);

  std::string path_;
  int fd_ = -1;
  bool existed_ = false;
  std::size_t cut_bytes_ = 0;
  std::vector<JournalSubmission> submissions_;
  std::map<chain::SubmissionId, JournalSettled> settled_;
  std::map<std::uint64_t, std::uint32_t> row_use_;  // live submissions that hold the row
};

}  // namespace imi::cli
