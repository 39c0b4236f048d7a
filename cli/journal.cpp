#include "cli/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "crypto/hash.h"

namespace imi::cli {
namespace {

constexpr std::string_view kMagic = "IMIJRNL1";
constexpr std::size_t kFrameHead = 12;
constexpr std::size_t kMaxFrame = 64U << 20;

using Payload = std::variant<JournalHeader, JournalSubmission, JournalSettled>;

std::unexpected<JournalError> io_error(const std::string& what, const std::string& path) {
  return std::unexpected(JournalError{JournalError::Reason::kIo,
                                      fmt::format("{} {}: {}", what, path, std::strerror(errno))});
}

std::array<std::uint8_t, 8> check_of(ByteView payload) {
  const Hash256 h = crypto::hash(crypto::Domain::kPayload, payload);
  std::array<std::uint8_t, 8> out{};
  std::copy_n(h.bytes.begin(), out.size(), out.begin());
  return out;
}

Bytes frame(const Bytes& payload) {
  Bytes out;
  const auto n = static_cast<std::uint32_t>(payload.size());
  for (unsigned shift = 0; shift < 32; shift += 8)
    out.push_back(static_cast<std::uint8_t>(n >> shift));
  append(out, check_of(payload));
  append(out, payload);
  return out;
}

// The payload at `at`, empty if no complete valid frame is there.
ByteView frame_at(ByteView file, std::size_t at) {
  if (file.size() - at < kFrameHead) return {};
  std::size_t n = 0;
  for (unsigned i = 0; i < 4; ++i) n |= static_cast<std::size_t>(file[at + i]) << (8 * i);
  if (n == 0 || n > kMaxFrame || file.size() - at - kFrameHead < n) return {};
  const ByteView payload = file.subspan(at + kFrameHead, n);
  const auto check = check_of(payload);
  return std::equal(check.begin(), check.end(), file.begin() + static_cast<std::ptrdiff_t>(at) + 4)
             ? payload
             : ByteView{};
}

// False if whoever had it open before has removed it: what is written to it would be lost.
bool is_at(const std::string& path, int fd) {
  struct stat own{};
  struct stat there{};
  return ::fstat(fd, &own) == 0 && ::stat(path.c_str(), &there) == 0 &&
         own.st_dev == there.st_dev && own.st_ino == there.st_ino;
}

// So that a new file is there after a power cut.
std::expected<void, JournalError> sync_folder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("cannot open the folder of", path);
  const bool ok = ::fsync(fd) == 0 || errno == EINVAL;  // some file systems have no such thing
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!ok) return io_error("cannot sync the folder of", path);
  return {};
}

}  // namespace

bool means_present(std::string_view refusal) {
  // What the ledger says of an entry that is there already, kind by kind (refusal.h).
  return refusal == "duplicate-source" || refusal == "already-registered" ||
         refusal == "superseded" || refusal == "withdrawn" || refusal == "already-revoked" ||
         refusal == "duplicate";
}

std::string describe(const JournalError& e) {
  switch (e.reason) {
    case JournalError::Reason::kIo: return e.detail;
    case JournalError::Reason::kBusy:
      return e.detail + " is in use by another run of the same command; wait for it to end";
    case JournalError::Reason::kForeign:
      return e.detail + " belongs to another file, agency or network; move it away to start over";
    case JournalError::Reason::kDamaged:
      return e.detail +
             " is not a readable journal; move it away (the ledger itself refuses "
             "what it already has) and run again";
  }
  return e.detail;
}

Journal::Journal(Journal&& o) noexcept
    : path_(std::move(o.path_)),
      fd_(std::exchange(o.fd_, -1)),
      existed_(o.existed_),
      cut_bytes_(o.cut_bytes_),
      submissions_(std::move(o.submissions_)),
      settled_(std::move(o.settled_)),
      row_use_(std::move(o.row_use_)) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<Journal, JournalError> Journal::open(const std::string& path,
                                                   const JournalHeader& header) {
  Journal j;
  j.path_ = path;
  do {
    if (j.fd_ >= 0) ::close(j.fd_);
    j.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j.fd_ < 0) return io_error("cannot open the journal", path);
    if (::flock(j.fd_, LOCK_EX | LOCK_NB) != 0) {
      return std::unexpected(JournalError{JournalError::Reason::kBusy, path});
    }
  } while (!is_at(path, j.fd_));
  if (auto ok = j.load(header); !ok) return std::unexpected(ok.error());
  return j;
}

std::expected<void, JournalError> Journal::load(const JournalHeader& header) {
  struct stat st{};
  if (::fstat(fd_, &st) != 0) return io_error("cannot read", path_);
  Bytes file(static_cast<std::size_t>(st.st_size));
  for (std::size_t at = 0; at < file.size();) {
    const ssize_t n = ::pread(fd_, file.data() + at, file.size() - at, static_cast<off_t>(at));
    if (n <= 0) return io_error("cannot read", path_);
    at += static_cast<std::size_t>(n);
  }
  const auto start_new = [&]() -> std::expected<void, JournalError> {
    if (::ftruncate(fd_, 0) != 0) return io_error("cannot write", path_);
    if (::pwrite(fd_, kMagic.data(), kMagic.size(), 0) != static_cast<ssize_t>(kMagic.size())) {
      return io_error("cannot write", path_);
    }
    ::lseek(fd_, 0, SEEK_END);
    if (auto ok = append(encode(Payload(header))); !ok) return ok;
    if (auto ok = sync(); !ok) return ok;
    return sync_folder(path_);
  };
  if (file.size() < kMagic.size()) return start_new();  // new, or a crash at its very start
  if (as_text(ByteView(file).first(kMagic.size())) != kMagic) {
    return std::unexpected(JournalError{JournalError::Reason::kDamaged, path_});
  }
  std::size_t at = kMagic.size();
  bool has_header = false;
  while (true) {
    const ByteView payload = frame_at(file, at);
    if (payload.empty()) break;
    auto entry = decode<Payload>(payload);
    if (!entry || (!has_header && entry->index() != 0)) {
      return std::unexpected(JournalError{JournalError::Reason::kDamaged, path_});
    }
    if (const auto* h = std::get_if<JournalHeader>(&*entry)) {
      if (*h != header) return std::unexpected(JournalError{JournalError::Reason::kForeign, path_});
      has_header = true;
    } else if (auto* s = std::get_if<JournalSubmission>(&*entry)) {
      apply(std::move(*s));
    } else if (auto* d = std::get_if<JournalSettled>(&*entry)) {
      apply(std::move(*d));
    }
    at += kFrameHead + payload.size();
  }
  if (!has_header) return start_new();
  existed_ = true;
  cut_bytes_ = file.size() - at;
  if (cut_bytes_ > 0 && ::ftruncate(fd_, static_cast<off_t>(at)) != 0) {
    return io_error("cannot write", path_);
  }
  ::lseek(fd_, 0, SEEK_END);
  return {};
}

std::expected<void, JournalError> Journal::append(const Bytes& payload) {
  const Bytes bytes = frame(payload);
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::write(fd_, bytes.data() + at, bytes.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error("cannot write the journal", path_);
    at += static_cast<std::size_t>(n);
  }
  return {};
}

std::expected<void, JournalError> Journal::add(const JournalSubmission& s) {
  if (auto ok = append(encode(Payload(s))); !ok) return ok;
  apply(s);
  return {};
}

std::expected<void, JournalError> Journal::add(const JournalSettled& s) {
  if (auto ok = append(encode(Payload(s))); !ok) return ok;
  apply(s);
  return {};
}

std::expected<void, JournalError> Journal::sync() {
  if (::fdatasync(fd_) != 0) return io_error("cannot sync the journal", path_);
  return {};
}

void Journal::apply(JournalSubmission s) {
  for (const std::uint64_t row : s.rows) ++row_use_[row];
  submissions_.push_back(std::move(s));
}

void Journal::apply(JournalSettled s) {
  const auto give_back = [this](std::uint64_t row) {
    const auto it = row_use_.find(row);
    if (it != row_use_.end() && --it->second == 0) row_use_.erase(it);
  };
  if (!settled_.contains(s.id)) {
    for (const JournalSubmission& sub : submissions_) {
      if (!s.expired || sub.id != s.id) continue;
      for (const std::uint64_t row : sub.rows) give_back(row);
    }
    for (const RowRefusal& r : s.refused) {
      if (!s.expired && !means_present(r.code)) give_back(r.row);
    }
  }
  const auto id = s.id;
  settled_.insert_or_assign(id, std::move(s));
}

const JournalSettled* Journal::settled(const chain::SubmissionId& id) const {
  const auto it = settled_.find(id);
  return it == settled_.end() ? nullptr : &it->second;
}

bool Journal::covers(std::uint64_t row) const { return row_use_.contains(row); }

}  // namespace imi::cli
