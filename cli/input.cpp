#include "cli/input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/text.h"
#include "cli/encoding.h"
#include "cli/text.h"

namespace imi::cli {

namespace text_input {
enum class Form : std::uint8_t { kBytes, kUtf16Le, kUtf16Be };
}  // namespace text_input

namespace {

using text_input::Form;
using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view what;
};
constexpr std::string_view kSaveAs = ": open it, and save the sheet as CSV (UTF-8)";
constexpr std::array kForeign = {
    Magic{"PK\x03\x04"sv, "a workbook or another ZIP archive (.xlsx, .ods)"},
    Magic{"PK\x05\x06"sv, "an empty ZIP archive"},
    Magic{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"sv, "an old workbook (.xls)"},
    Magic{"%PDF-"sv, "a PDF document"},
    Magic{"SQLite format 3\0"sv, "an SQLite database"},
    Magic{"PAR1"sv, "a Parquet file"},
    Magic{"{\\rtf"sv, "a rich text document"},
};
constexpr std::array kPacked = {
    Magic{"\x1F\x8B"sv, "gzip twice"},  // once is unpacked here
    Magic{"\x28\xB5\x2F\xFD"sv, "zstd"}, Magic{"\xFD\x37zXZ\0"sv, "xz"}, Magic{"BZh"sv, "bzip2"},
    Magic{"7z\xBC\xAF\x27\x1C"sv, "7z"}, Magic{"Rar!"sv, "rar"},
};

bool begins_without_case(std::string_view text, std::string_view lower) {
  if (text.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c =
        text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower[i]) return false;
  }
  return true;
}

// What the beginning of a file shows that cannot be read as text; empty if nothing.
std::string foreign(std::string_view head) {
  for (const Magic& m : kForeign) {
    if (head.starts_with(m.bytes)) return fmt::format("it is {}{}", m.what, kSaveAs);
  }
  for (const Magic& m : kPacked) {
    if (head.starts_with(m.bytes))
      return fmt::format("it is compressed with {}: decompress it first", m.what);
  }
  if (head.starts_with("\xFF\xFE\0\0"sv) || head.starts_with("\0\0\xFE\xFF"sv)) {
    return "it is UTF-32: save it as UTF-8";
  }
  std::string_view text = without_byte_order_mark(head);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const std::string_view tag : {"<!doctype html"sv, "<html"sv, "<table"sv}) {
    if (begins_without_case(text, tag)) {
      return fmt::format("it is a web page, whatever its name says{}", kSaveAs);
    }
  }
  if (begins_without_case(text, "<?xml")) return fmt::format("it is XML{}", kSaveAs);
  return {};
}

// By the byte order mark, or by the zero bytes of ASCII in UTF-16.
Form form_of(std::string_view head, std::size_t& mark) {
  mark = 0;
  if (head.starts_with("\xEF\xBB\xBF")) {
    mark = 3;
    return Form::kBytes;
  }
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
    mark = 2;
    return head[0] == '\xFF' ? Form::kUtf16Le : Form::kUtf16Be;
  }
  if (head.size() < 4) return Form::kBytes;
  const auto zero = [&](std::size_t i) { return head[i] == '\0'; };
  if (!zero(0) && zero(1) && !zero(2) && zero(3)) return Form::kUtf16Le;
  if (zero(0) && !zero(1) && zero(2) && !zero(3)) return Form::kUtf16Be;
  return Form::kBytes;
}

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

}  // namespace

class TextInput::Buffer : public std::streambuf {
 public:
  Buffer(gzFile file, std::string name) : file_(file), name_(std::move(name)) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() override { gzclose(file_); }

  // Looks at the beginning. The error says why it is not text.
  [[nodiscard]] std::expected<void, std::string> begin() {
    fill();
    if (const std::string why = foreign(raw_); !why.empty()) return std::unexpected(why);
    std::size_t mark = 0;
    form_ = form_of(raw_, mark);
    raw_.erase(0, mark);
    if (error_) return std::unexpected(*error_);
    return {};
  }
  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }
  [[nodiscard]] std::uint64_t offset() const {
    const auto at = gzoffset(file_);
    return at < 0 ? 0 : static_cast<std::uint64_t>(at);
  }

 protected:
  int_type underflow() override {
    if (gptr() < egptr()) return traits_type::to_int_type(*gptr());
    text_.clear();
    while (text_.empty()) {
      if (raw_.size() < 4 && !ended_) fill();
      if (raw_.empty()) return traits_type::eof();
      convert();
    }
    setg(text_.data(), text_.data(), text_.data() + text_.size());
    return traits_type::to_int_type(*gptr());
  }

 private:
  static constexpr unsigned kChunk = 1U << 16;

  void fill() {
    const std::size_t had = raw_.size();
    raw_.resize(had + kChunk);
    const int n = gzread(file_, raw_.data() + had, kChunk);
    raw_.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n > 0) return;
    ended_ = true;
    int code = Z_OK;
    std::string_view why = gzerror(file_, &code);
    if (const auto at = why.find(">: "); at != std::string_view::npos) why.remove_prefix(at + 3);
    if (n == 0 && (code == Z_OK || code == Z_STREAM_END)) return;
    error_ = code == Z_ERRNO ? fmt::format("cannot read {}: {}", name_, std::strerror(errno))
                             : fmt::format("{} is damaged or cut short: {}", name_, why);
  }

  [[nodiscard]] std::uint32_t unit(std::size_t i) const {
    const auto low = static_cast<std::uint8_t>(raw_[i + (form_ == Form::kUtf16Be ? 1 : 0)]);
    const auto high = static_cast<std::uint8_t>(raw_[i + (form_ == Form::kUtf16Be ? 0 : 1)]);
    return static_cast<std::uint32_t>(high << 8 | low);
  }

  // Moves what is complete from raw_ to text_.
  void convert() {
    if (form_ == Form::kBytes) {
      text_.swap(raw_);
      raw_.clear();
      return;
    }
    std::size_t i = 0;
    while (i + 2 <= raw_.size()) {
      const std::uint32_t first = unit(i);
      const bool high = first >= 0xD800 && first < 0xDC00;
      if (high && i + 4 > raw_.size() && !ended_) break;
      const std::uint32_t second = high && i + 4 <= raw_.size() ? unit(i + 2) : 0;
      if (high && second >= 0xDC00 && second < 0xE000) {
        append_utf8(text_, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
        i += 4;
      } else {
        // Half of a pair is not a character: what cannot be read is shown as such, and refused
        // later.
        append_utf8(text_, first >= 0xD800 && first < 0xE000 ? 0xFFFD : first);
        i += 2;
      }
    }
    raw_.erase(0, i);
    if (ended_ && !raw_.empty()) {
      if (!error_) error_ = name_ + " is cut short: it ends within a character of UTF-16";
      append_utf8(text_, 0xFFFD);
      raw_.clear();
    }
  }

  gzFile file_;
  std::string name_;
  std::string raw_;
  std::string text_;
  Form form_ = Form::kBytes;
  bool ended_ = false;
  std::optional<std::string> error_;
};

TextInput::TextInput(std::unique_ptr<Buffer> buffer)
    : buffer_(std::move(buffer)), stream_(std::make_unique<std::istream>(buffer_.get())) {}
TextInput::TextInput(TextInput&&) noexcept = default;
TextInput& TextInput::operator=(TextInput&&) noexcept = default;
TextInput::~TextInput() = default;

std::expected<TextInput, std::string> TextInput::open(const std::string& path) {
  const std::string name = shown_name(path);
  const auto system = [&name] {
    return std::unexpected(fmt::format("cannot open {}: {}", name, std::strerror(errno)));
  };
  const int fd = path == "-" ? ::dup(0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return system();
  struct stat st{};
  if (::fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
    ::close(fd);
    return std::unexpected(name + " is a directory");
  }
  gzFile file = gzdopen(fd, "rb");
  if (file == nullptr) {
    ::close(fd);
    return std::unexpected("not enough memory to read " + name);
  }
  gzbuffer(file, 1U << 17);
  auto buffer = std::make_unique<Buffer>(file, name);
  if (auto ok = buffer->begin(); !ok) return std::unexpected(ok.error());
  return TextInput(std::move(buffer));
}

std::istream& TextInput::stream() { return *stream_; }
std::optional<std::string> TextInput::error() const { return buffer_->error(); }
std::uint64_t TextInput::offset() const { return buffer_->offset(); }

std::string shown_name(const std::string& path) { return path == "-" ? "standard input" : path; }

std::expected<std::string, std::string> reread(const std::string& path) {
  struct stat st{};
  const bool there = path == "-" ? ::fstat(0, &st) == 0 : ::stat(path.c_str(), &st) == 0;
  if (path != "-" && (!there || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) return path;
  const auto system = [&path](const char* what) {
    return std::unexpected(
        fmt::format("cannot {} {}: {}", what, shown_name(path), std::strerror(errno)));
  };
  const int in = path == "-" ? ::dup(0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (in < 0) return system("open");
  std::error_code ec;
  std::string name = (std::filesystem::temp_directory_path(ec) / "imi-input-XXXXXX").string();
  const int copy = ::mkostemp(name.data(), O_CLOEXEC);
  if (copy < 0) {
    ::close(in);
    return system("make a temporary copy of");
  }
  ::unlink(name.c_str());  // it lives as long as the program
  std::array<char, 1U << 16> chunk{};
  ssize_t n = 0;
  while ((n = ::read(in, chunk.data(), chunk.size())) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || ::write(copy, chunk.data(), static_cast<std::size_t>(n)) != n) {
      ::close(in);
      return system("copy");
    }
  }
  ::close(in);
  return fmt::format("/proc/self/fd/{}", copy);
}

std::expected<std::string, std::string> read_text(const std::string& path, std::size_t max) {
  auto input = TextInput::open(path);
  if (!input) {
    // What open() says of a file that is not text does not name it.
    const bool named = input.error().find(shown_name(path)) != std::string::npos;
    return std::unexpected(named ? input.error() : shown_name(path) + ": " + input.error());
  }
  std::string out;
  std::array<char, 1U << 14> chunk{};
  std::istream& in = input->stream();
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    out.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (out.size() > max) {
      return std::unexpected(
          fmt::format("{} is larger than {} bytes", shown_name(path), grouped(max)));
    }
  }
  if (auto why = input->error()) return std::unexpected(*why);
  return out;
}

std::expected<boost::json::value, std::string> parse_json_text(std::string_view text,
                                                               const rpc::JsonLimits& limits) {
  text = without_byte_order_mark(text);
  if (const auto at = first_invalid_utf8(text)) return std::unexpected(not_utf8_hint(text, *at));
  auto value = rpc::parse_json(text, limits);
  if (value) return std::move(*value);
  const rpc::RpcError& e = value.error();
  const auto detail = [&e](std::string_view key) {
    const auto* v = e.data.if_contains(key);
    return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
  };
  switch (e.error) {
    case rpc::Error::kParse: return std::unexpected("it is not valid JSON: " + detail("why"));
    case rpc::Error::kBadNumber:
      return std::unexpected(fmt::format(
          "the number {} has more digits than JSON numbers keep: write it as text, in quotes",
          detail("text")));
    default: return std::unexpected(e.message);
  }
}

}  // namespace imi::cli
