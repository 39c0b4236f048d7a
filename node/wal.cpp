#include "node/wal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"
#include "crypto/hash.h"
#include "ledger/core/parameters.h"

namespace imi::node {

namespace {

// All that can be needed at once: at each height of the largest window, the accepted block and the
// others that were voted for (B2), each with the largest body a chain allows. A file has as much
// from its opening, and again as much in the write that makes the owner rotate.
constexpr std::uint64_t kMaxLiveBytes = std::uint64_t{consensus::kMaxWindow} *
                                        (consensus::kMaxVotedBlocks + 1) *
                                        ledger::kMaxBlockBodyBytes;
static_assert(2 * kMaxLiveBytes + 4 * kMaxWalGroupBytes + kWalRotateBytes <= kMaxWalFileBytes);
// The blocks' lists of content hashes, in a SafetyState; its two messages; the rest is small.
static_assert(std::uint64_t{consensus::kMaxWindow} * (consensus::kMaxVotedBlocks + 1) *
                      (chain::kMaxBlockItems * chain::ContentHash::kSize + 1024) +
                  2 * consensus::kMaxMessageBytes + (std::size_t{16} << 20) <=
              kMaxWalGroupBytes);

constexpr std::uint32_t kMagic = 0x57494d49;  // "IMIW" in the file
constexpr std::size_t kPrefixBytes = 32;
constexpr std::size_t kChecksumBytes = 16;
constexpr std::size_t kFrameHeaderBytes = kPrefixBytes + kChecksumBytes;
constexpr std::size_t kAlign = 8;
constexpr std::string_view kSuffix = ".wal";
constexpr std::size_t kNameDigits = 10;

enum class RecordKind : std::uint8_t {
  kHeader = 1,
  kState = 2,
  kRecord = 3,
  kBody = 4,
  kOpening = 5,
};

template <class T>
void put_le(Bytes& out, std::size_t at, T v) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[at + i] = static_cast<std::uint8_t>(v >> (8 * i));
  }
}
template <class T>
T get_le(ByteView in, std::size_t at) {
  T v = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    v = static_cast<T>(v | (static_cast<T>(in[at + i]) << (8 * i)));
  }
  return v;
}

std::array<std::uint8_t, kChecksumBytes> checksum(ByteView prefix, ByteView payload) {
  const Hash256 h = crypto::Hasher(crypto::Domain::kSafetyLog).add(prefix).add(payload).finish();
  std::array<std::uint8_t, kChecksumBytes> out{};
  std::copy_n(h.bytes.begin(), kChecksumBytes, out.begin());
  return out;
}

void put_record_header(Bytes& out, RecordKind kind, std::size_t size) {
  EncodeArchive ar(out);
  ar.byte(static_cast<std::uint8_t>(kind));
  ar.varint(size);
}
void put_record(Bytes& out, RecordKind kind, ByteView bytes) {
  put_record_header(out, kind, bytes.size());
  append(out, bytes);
}
void put_body(Bytes& out, const WalBody& body) {
  put_record_header(out, RecordKind::kBody, body.content.view().size() + body.bytes->size());
  append(out, body.content.view());
  append(out, *body.bytes);
}
// At most what put_body() puts.
std::size_t body_bytes(const WalBody& body) {
  constexpr std::size_t kMostOfRecordHeader = 11;
  return kMostOfRecordHeader + chain::ContentHash::kSize + body.bytes->size();
}

std::string file_name(std::uint64_t number) {
  std::string digits = std::to_string(number);
  return std::string(kNameDigits - std::min(kNameDigits, digits.size()), '0') + digits +
         std::string(kSuffix);
}
std::optional<std::uint64_t> file_number(const std::string& name) {
  if (name.size() < kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t n = 0;
  for (const char c : std::string_view(name).substr(0, name.size() - kSuffix.size())) {
    if (c < '0' || c > '9' || n > UINT64_MAX / 100) return std::nullopt;
    n = n * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return n;
}

WalError from_io(const IoError& e) {
  const auto reason =
      e.reason == IoError::Reason::kNoSpace ? WalError::Reason::kNoSpace : WalError::Reason::kIo;
  return {reason, describe(e)};
}

// ---- reading --------------------------------------------------------------------------------

struct Frame {
  std::uint64_t sequence = 0;
  std::uint64_t salt = 0;
  ByteView payload;
  std::size_t bytes = 0;  // with header and padding
};

std::size_t padded(std::size_t n) { return (n + kAlign - 1) / kAlign * kAlign; }

std::optional<Frame> frame_at(ByteView file, std::size_t at, std::uint64_t number) {
  if (file.size() - at < kFrameHeaderBytes) return std::nullopt;
  const ByteView head = file.subspan(at, kFrameHeaderBytes);
  if (get_le<std::uint32_t>(head, 0) != kMagic) return std::nullopt;
  const std::size_t length = get_le<std::uint32_t>(head, 4);
  if (length > kMaxWalGroupBytes || length > file.size() - at - kFrameHeaderBytes ||
      get_le<std::uint64_t>(head, 8) != number) {
    return std::nullopt;
  }
  const ByteView payload = file.subspan(at + kFrameHeaderBytes, length);
  const auto sum = checksum(head.first(kPrefixBytes), payload);
  if (!std::equal(sum.begin(), sum.end(), head.begin() + kPrefixBytes)) return std::nullopt;
  const std::size_t bytes = std::min(padded(kFrameHeaderBytes + length), file.size() - at);
  return Frame{get_le<std::uint64_t>(head, 16), get_le<std::uint64_t>(head, 24), payload, bytes};
}

// Where a valid later frame of this file begins, beyond `from`.
std::optional<std::size_t> later_frame(ByteView file, std::size_t from, std::uint64_t number,
                                       std::uint64_t salt, std::uint64_t sequence) {
  if (salt == 0) return std::nullopt;
  for (std::size_t at = padded(from + 1); at + kFrameHeaderBytes <= file.size(); at += kAlign) {
    if (get_le<std::uint32_t>(file, at) != kMagic || get_le<std::uint64_t>(file, at + 24) != salt) {
      continue;
    }
    const auto frame = frame_at(file, at, number);
    if (frame && frame->sequence >= sequence) return at;
  }
  return std::nullopt;
}

std::unexpected<WalError> damaged(const std::string& where, std::string what) {
  return std::unexpected(WalError{WalError::Reason::kDamaged, where + ": " + std::move(what)});
}

class Reader {
 public:
  Reader(std::string where, const WalHeader& expected, std::uint64_t number)
      : where_(std::move(where)), expected_(expected), number_(number) {}

  // False: the opening is not there whole (a rotation that did not finish).
  std::expected<bool, WalError> read(ByteView file) {
    std::size_t at = 0;
    std::uint64_t sequence = 0;
    std::uint64_t salt = 0;
    while (at < file.size()) {
      const auto frame = frame_at(file, at, number_);
      if (!frame || frame->sequence != sequence || (sequence != 0 && frame->salt != salt)) {
        if (sequence == 0 && file.size() - at >= kPrefixBytes) {
          salt = get_le<std::uint64_t>(file, at + 24);
        }
        if (const auto later = later_frame(file, at, number_, salt, sequence)) {
          return damaged(where_, "bytes " + std::to_string(at) + " to " + std::to_string(*later) +
                                     " are damaged, and valid groups follow them");
        }
        content_.cut_bytes = file.size() - at;
        break;
      }
      salt = frame->salt;
      if (auto ok = read_records(frame->payload, sequence == 0); !ok) {
        return std::unexpected(ok.error());
      }
      at += frame->bytes;
      ++sequence;
    }
    content_.groups = sequence;
    return sequence > opening_parts_;
  }
  WalContent take() { return std::move(content_); }

 private:
  std::expected<void, WalError> read_records(ByteView payload, bool first) {
    while (!payload.empty()) {
      std::uint8_t kind = 0;
      ByteView bytes;
      try {
        DecodeArchive ar(payload);
        kind = ar.byte();
        bytes = ar.raw(ar.length());
        payload = payload.subspan(ar.offset());
      } catch (const codec_detail::Failure& f) {
        return damaged(where_, "a group with a good checksum does not parse: " + describe(f.error));
      }
      if (first && !header_seen_ && kind != static_cast<std::uint8_t>(RecordKind::kHeader)) {
        return damaged(where_, "it does not begin with a header");
      }
      if (auto ok = read_record(kind, bytes, first); !ok) return ok;
    }
    return {};
  }

  std::expected<void, WalError> read_opening(ByteView bytes, bool first) {
    if (!first) return damaged(where_, "a later group claims to open it");
    try {
      DecodeArchive ar(bytes);
      opening_parts_ = ar.varint(UINT64_MAX);
    } catch (const codec_detail::Failure& f) {
      return damaged(where_, "its opening does not parse: " + describe(f.error));
    }
    return {};
  }

  std::expected<void, WalError> read_record(std::uint8_t kind, ByteView bytes, bool first) {
    switch (static_cast<RecordKind>(kind)) {
      case RecordKind::kHeader: return read_header(bytes);
      case RecordKind::kOpening: return read_opening(bytes, first);
      case RecordKind::kState: {
        auto state = decode<consensus::SafetyState>(bytes);
        if (!state) return damaged(where_, "its state does not parse: " + describe(state.error()));
        content_.state = std::move(*state);
        return {};
      }
      case RecordKind::kRecord: {
        auto record = decode<consensus::SafetyRecord>(bytes);
        if (!record) return damaged(where_, "a record does not parse: " + describe(record.error()));
        content_.state.apply(*record);
        return {};
      }
      case RecordKind::kBody: {
        if (bytes.size() < chain::ContentHash::kSize) return damaged(where_, "a body is cut short");
        content_.bodies[chain::ContentHash::from(bytes.first(chain::ContentHash::kSize))] =
            std::make_shared<const Bytes>(to_bytes(bytes.subspan(chain::ContentHash::kSize)));
        return {};
      }
    }
    return std::unexpected(WalError{
        WalError::Reason::kNewer,
        where_ + " has records of kind " + std::to_string(kind) + ", unknown to this version"});
  }

  std::expected<void, WalError> read_header(ByteView bytes) {
    std::uint32_t format = 0;
    try {
      DecodeArchive ar(bytes);
      ar(format);
    } catch (const codec_detail::Failure& f) {
      return damaged(where_, "its header does not parse: " + describe(f.error));
    }
    if (format != kWalFormat) {
      return std::unexpected(
          WalError{format < kWalFormat ? WalError::Reason::kOlder : WalError::Reason::kNewer,
                   where_ + " has format " + std::to_string(format) + ", this version reads " +
                       std::to_string(kWalFormat)});
    }
    const auto header = decode<WalHeader>(bytes);
    if (!header) return damaged(where_, "its header does not parse: " + describe(header.error()));
    if (header->genesis != expected_.genesis) {
      return std::unexpected(WalError{WalError::Reason::kForeign, where_ + " is of another chain"});
    }
    if (header->key != expected_.key) {
      return std::unexpected(
          WalError{WalError::Reason::kForeign, where_ + " belongs to another validator key"});
    }
    header_seen_ = true;
    return {};
  }

  std::string where_;
  WalHeader expected_;
  std::uint64_t number_;
  bool header_seen_ = false;
  std::uint64_t opening_parts_ = 0;  // groups that belong to the opening, after the first
  WalContent content_;
};

std::expected<std::vector<std::uint64_t>, WalError> log_files(FileSystem& files,
                                                              const std::string& directory) {
  const auto names = files.list(directory);
  if (!names) return std::unexpected(from_io(names.error()));
  std::vector<std::uint64_t> numbers;
  for (const std::string& n : *names) {
    if (const auto number = file_number(n)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

std::string_view name(WalError::Reason r) {
  switch (r) {
    case WalError::Reason::kIo: return "safety-log-io";
    case WalError::Reason::kNoSpace: return "disk-full";
    case WalError::Reason::kMissing: return "safety-log-missing";
    case WalError::Reason::kExists: return "safety-log-exists";
    case WalError::Reason::kDamaged: return "safety-log-damaged";
    case WalError::Reason::kForeign: return "safety-log-foreign";
    case WalError::Reason::kOlder: return "safety-log-older";
    case WalError::Reason::kNewer: return "safety-log-newer";
    case WalError::Reason::kTooLarge: return "safety-log-too-large";
    case WalError::Reason::kStopped: return "safety-log-stopped";
  }
  return "unknown";
}

std::string describe(const WalError& e) {
  std::string out;
  switch (e.reason) {
    case WalError::Reason::kIo:
      out = "the safety log could not be read or written; check the disk, then start again";
      break;
    case WalError::Reason::kNoSpace:
      out = "the disk with the safety log is full; free some space, then start again";
      break;
    case WalError::Reason::kMissing:
      out =
          "there is no safety log, so this key must not sign: on the very first start run `imid "
          "init`; "
          "a validator that lost its log observes until the council gives it a new key";
      break;
    case WalError::Reason::kExists:
      out = "a safety log already exists: the node is initialised, nothing was changed";
      break;
    case WalError::Reason::kDamaged:
      out =
          "the safety log is damaged; a validator that may have forgotten a vote must not sign: "
          "keep "
          "the files for examination, move the log away and the node observes";
      break;
    case WalError::Reason::kForeign:
      out =
          "the safety log belongs to another chain or key; check the data directory, genesis and "
          "key";
      break;
    case WalError::Reason::kOlder:
      out = "the safety log has the format of an older version; start that version";
      break;
    case WalError::Reason::kNewer:
      out = "the safety log was written by a newer version; start that version";
      break;
    case WalError::Reason::kTooLarge:
      out = "more had to be written at once than the safety log can hold";
      break;
    case WalError::Reason::kStopped:
      out = "the safety log stopped after an earlier failure; start again";
      break;
  }
  if (!e.detail.empty()) out += " (" + e.detail + ")";
  return out;
}

Wal::Wal(FileSystem& files, std::string directory, const WalHeader& header,
         crypto::RandomSource& random, std::size_t split_bytes)
    : files_(files),
      directory_(std::move(directory)),
      header_(header),
      random_(random),
      split_bytes_(split_bytes) {}

std::expected<void, WalError> Wal::create(FileSystem& files, const std::string& directory,
                                          const WalHeader& header, crypto::RandomSource& random) {
  if (auto made = files.make_directory(directory); !made) {
    return std::unexpected(from_io(made.error()));
  }
  const auto have = log_files(files, directory);
  if (!have) return std::unexpected(have.error());
  if (!have->empty()) return std::unexpected(WalError{WalError::Reason::kExists, directory});
  Wal wal(files, directory, header, random, kWalSplitBytes);
  return wal.begin_file(1, {}, {});
}

std::expected<Wal::Opened, WalError> Wal::open(FileSystem& files, const std::string& directory,
                                               const WalHeader& header,
                                               crypto::RandomSource& random,
                                               std::size_t split_bytes) {
  const auto numbers = log_files(files, directory);
  if (!numbers) return std::unexpected(numbers.error());
  if (numbers->empty()) return std::unexpected(WalError{WalError::Reason::kMissing, directory});

  std::unique_ptr<Wal> wal(new Wal(files, directory, header, random, split_bytes));
  wal->number_ = numbers->back();
  for (auto n = numbers->rbegin(); n != numbers->rend(); ++n) {
    const std::string where = directory + "/" + file_name(*n);
    const auto bytes = files.read(directory, file_name(*n), kMaxWalFileBytes);
    if (!bytes) return std::unexpected(from_io(bytes.error()));
    Reader reader(where, header, *n);
    const auto whole = reader.read(*bytes);
    if (!whole) return std::unexpected(whole.error());
    if (*whole) return Opened{std::move(wal), reader.take()};
    // Its opening is not there whole: the rotation that made it did not finish, and the file before
    // it is still whole. Without one before it, something was lost.
    if (std::next(n) == numbers->rend()) {
      return damaged(where, "its opening is damaged, and there is no older file");
    }
  }
  IMI_CHECK(false, "a log has files");
}

std::unexpected<WalError> Wal::stop(WalError e) {
  stopped_ = true;
  return std::unexpected(std::move(e));
}

std::expected<void, WalError> Wal::write_frame() {
  const std::size_t length = frame_.size() - kFrameHeaderBytes;
  if (length > kMaxWalGroupBytes) {
    return stop({WalError::Reason::kTooLarge, std::to_string(length) + " bytes"});
  }
  put_le<std::uint32_t>(frame_, 0, kMagic);
  put_le<std::uint32_t>(frame_, 4, static_cast<std::uint32_t>(length));
  put_le<std::uint64_t>(frame_, 8, number_);
  put_le<std::uint64_t>(frame_, 16, sequence_);
  put_le<std::uint64_t>(frame_, 24, salt_);
  const auto sum =
      checksum(ByteView(frame_).first(kPrefixBytes), ByteView(frame_).subspan(kFrameHeaderBytes));
  std::copy(sum.begin(), sum.end(), frame_.begin() + kPrefixBytes);
  frame_.resize(padded(frame_.size()), 0);
  if (auto ok = file_->append(frame_); !ok) return stop(from_io(ok.error()));
  if (auto ok = file_->sync(); !ok) return stop(from_io(ok.error()));
  ++sequence_;
  ++syncs_;
  file_bytes_ += frame_.size();
  bytes_written_ += frame_.size();
  return {};
}

bool Wal::put_all(Part bodies) {
  std::size_t size = frame_.size() - kFrameHeaderBytes;
  for (const WalBody& b : bodies) size += body_bytes(b);
  if (size > split_bytes_ && !bodies.empty()) return false;
  for (const WalBody& b : bodies) put_body(frame_, b);
  return true;
}

std::vector<Wal::Part> Wal::split(Part bodies) const {
  std::vector<Part> parts;
  std::size_t begin = 0;
  std::size_t size = 0;
  for (std::size_t at = 0; at < bodies.size(); ++at) {
    const std::size_t more = body_bytes(bodies[at]);
    if (at > begin && size + more > split_bytes_) {
      parts.push_back(bodies.subspan(begin, at - begin));
      begin = at;
      size = 0;
    }
    size += more;
  }
  if (begin < bodies.size()) parts.push_back(bodies.subspan(begin));
  return parts;
}

std::expected<void, WalError> Wal::write_parts(const std::vector<Part>& parts) {
  for (const Part part : parts) {
    frame_.assign(kFrameHeaderBytes, 0);
    for (const WalBody& b : part) put_body(frame_, b);
    if (auto ok = write_frame(); !ok) return ok;
  }
  return {};
}

std::expected<void, WalError> Wal::begin_file(std::uint64_t number,
                                              const consensus::SafetyState& state,
                                              const std::vector<WalBody>& bodies) {
  auto file = files_.create(directory_, file_name(number), kWalReserveBytes);
  if (!file) return stop(from_io(file.error()));
  file_ = std::move(*file);
  number_ = number;
  sequence_ = 0;
  file_bytes_ = 0;
  do {
    const auto salt = random_.fixed<FixedBytes<struct SaltTag, 8>>();
    salt_ = get_le<std::uint64_t>(salt.view(), 0);
  } while (salt_ == 0);
  frame_.assign(kFrameHeaderBytes, 0);
  put_record(frame_, RecordKind::kHeader, encode(header_));
  put_record(frame_, RecordKind::kState, encode(state));
  std::vector<Part> parts;
  if (!put_all(bodies)) {
    parts = split(bodies);
    Bytes count;
    EncodeArchive ar(count);
    ar.varint(parts.size());
    put_record(frame_, RecordKind::kOpening, count);
  }
  if (auto ok = write_frame(); !ok) return ok;
  if (auto ok = write_parts(parts); !ok) return ok;
  if (auto ok = files_.sync_directory(directory_); !ok) return stop(from_io(ok.error()));
  return {};
}

std::expected<void, WalError> Wal::remove_files_below(std::uint64_t number) {
  const auto numbers = log_files(files_, directory_);
  if (!numbers) return stop(numbers.error());
  bool removed = false;
  for (const std::uint64_t n : *numbers) {
    if (n >= number) continue;
    if (auto ok = files_.remove(directory_, file_name(n)); !ok) return stop(from_io(ok.error()));
    removed = true;
  }
  if (!removed) return {};
  if (auto ok = files_.sync_directory(directory_); !ok) return stop(from_io(ok.error()));
  return {};
}

std::expected<void, WalError> Wal::start(const consensus::SafetyState& state,
                                         const std::vector<WalBody>& bodies) {
  if (stopped_) return std::unexpected(WalError{WalError::Reason::kStopped, {}});
  if (auto ok = begin_file(number_ + 1, state, bodies); !ok) return ok;
  return remove_files_below(number_);
}

std::expected<void, WalError> Wal::append(const WalGroup& group) {
  if (stopped_) return std::unexpected(WalError{WalError::Reason::kStopped, {}});
  IMI_CHECK(file_ != nullptr, "start() before append()");
  frame_.assign(kFrameHeaderBytes, 0);
  Bytes record;
  for (const consensus::SafetyRecord& r : group.records) {
    record.clear();
    encode_to(record, r);
    put_record(frame_, RecordKind::kRecord, record);
  }
  if (put_all(group.bodies)) return write_frame();
  const Bytes records = std::exchange(frame_, {});
  if (auto ok = write_parts(split(group.bodies)); !ok) return ok;
  frame_ = records;
  return write_frame();
}

}  // namespace imi::node
