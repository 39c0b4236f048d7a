#include "node/real/posix_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace imi::node {

namespace {

IoError io_error(const std::string& path, int error) {
  IoError out{IoError::Reason::kIo, path, std::generic_category().message(error)};
  if (error == ENOSPC || error == EDQUOT) out.reason = IoError::Reason::kNoSpace;
  if (error == EACCES || error == EPERM || error == EROFS)
    out.reason = IoError::Reason::kPermission;
  if (error == ENOENT || error == ENOTDIR) out.reason = IoError::Reason::kMissing;
  if (error == EEXIST) out.reason = IoError::Reason::kExists;
  return out;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::expected<void, IoError> write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::unexpected(io_error(path, n == 0 ? EIO : errno));
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

class PosixFile final : public AppendFile {
 public:
  PosixFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  std::expected<void, IoError> append(ByteView bytes) override {
    return write_all(fd_.get(), bytes, path_);
  }
  std::expected<void, IoError> sync() override {
    // Not retried: after a failure the pages may be marked clean (ATC'20).
    if (::fdatasync(fd_.get()) != 0) return std::unexpected(io_error(path_, errno));
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

std::string join(const std::string& directory, const std::string& file) {
  return directory + "/" + file;
}

}  // namespace

std::expected<void, IoError> PosixFileSystem::make_directory(const std::string& directory) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  if (ec) return std::unexpected(io_error(directory, ec.value()));
  const auto parent = std::filesystem::path(directory).parent_path();
  return sync_directory(parent.empty() ? "." : parent.string());
}

std::expected<std::vector<std::string>, IoError> PosixFileSystem::list(
    const std::string& directory) {
  std::vector<std::string> out;
  std::error_code ec;
  std::filesystem::directory_iterator at(directory, ec);
  if (ec.value() == ENOENT) return out;
  for (const std::filesystem::directory_iterator end; !ec && at != end; at.increment(ec)) {
    out.push_back(at->path().filename().string());
  }
  if (ec) return std::unexpected(io_error(directory, ec.value()));
  std::sort(out.begin(), out.end());
  return out;
}

std::expected<std::unique_ptr<AppendFile>, IoError> PosixFileSystem::create(
    const std::string& directory, const std::string& file, std::uint64_t reserve) {
  const std::string path = join(directory, file);
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.ok()) return std::unexpected(io_error(path, errno));
  if (reserve != 0 &&
      ::fallocate(fd.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(reserve)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT)) {
    return std::unexpected(io_error(path, errno));
  }
  return std::make_unique<PosixFile>(std::move(fd), path);
}

std::expected<Bytes, IoError> PosixFileSystem::read(const std::string& directory,
                                                    const std::string& file,
                                                    std::uint64_t max_bytes) {
  const std::string path = join(directory, file);
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return std::unexpected(io_error(path, errno));
  struct stat st{};
  if (::fstat(fd.get(), &st) != 0) return std::unexpected(io_error(path, errno));
  if (static_cast<std::uint64_t>(st.st_size) > max_bytes) {
    return std::unexpected(IoError{IoError::Reason::kTooLarge, path, std::to_string(st.st_size)});
  }
  Bytes out(static_cast<std::size_t>(st.st_size));
  std::size_t at = 0;
  while (at < out.size()) {
    const ssize_t n = ::read(fd.get(), out.data() + at, out.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::unexpected(io_error(path, errno));
    if (n == 0) break;
    at += static_cast<std::size_t>(n);
  }
  out.resize(at);
  return out;
}

std::expected<void, IoError> PosixFileSystem::remove(const std::string& directory,
                                                     const std::string& file) {
  const std::string path = join(directory, file);
  if (::unlink(path.c_str()) != 0) return std::unexpected(io_error(path, errno));
  return {};
}

std::expected<void, IoError> PosixFileSystem::sync_directory(const std::string& directory) {
  const Descriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return std::unexpected(io_error(directory, errno));
  if (::fsync(fd.get()) != 0) return std::unexpected(io_error(directory, errno));
  return {};
}

std::expected<DirectoryLock, IoError> DirectoryLock::take(const std::filesystem::path& directory) {
  const std::string path = (directory / "lock").string();
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(io_error(path, errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    if (error != EWOULDBLOCK) return std::unexpected(io_error(path, error));
    return std::unexpected(IoError{IoError::Reason::kExists, path, "another process holds it"});
  }
  DirectoryLock lock(fd);
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return std::unexpected(io_error(path, errno));
  if (auto ok = write_all(fd, as_bytes(pid), path); !ok) return std::unexpected(ok.error());
  return lock;
}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& o) noexcept {
  if (this != &o) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(o.fd_, -1);
  }
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<void, IoError> replace_file(const std::filesystem::path& file,
                                          std::string_view text) {
  const std::string temporary = file.string() + ".new";
  {
    const Descriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd.ok()) return std::unexpected(io_error(temporary, errno));
    if (auto ok = write_all(fd.get(), as_bytes(text), temporary); !ok) return ok;
    if (::fdatasync(fd.get()) != 0) return std::unexpected(io_error(temporary, errno));
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    return std::unexpected(io_error(file.string(), errno));
  }
  return PosixFileSystem().sync_directory(file.parent_path().string());
}

}  // namespace imi::node
