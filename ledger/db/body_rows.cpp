#include "ledger/db/body_rows.h"

#include "base/check.h"
#include "ledger/db/rows.h"

namespace imi::ledger {
namespace {

struct BodyRow {
  std::uint32_t first = 0;
  std::vector<Bytes> bodies;
};

// The key has the index of the row's last submission.
std::expected<BodyRow, StoreError> parse(ByteView key, ByteView value) {
  BodyRow row;
  const std::optional<std::uint32_t> last = rows::last_of_bodies_key(key);
  auto bodies = decode<std::vector<Bytes>>(value);
  if (!last || !bodies || bodies->empty() || bodies->size() - 1 > *last) {
    return std::unexpected(
        StoreError{StoreError::Reason::kCorruption, "a row of submissions does not decode"});
  }
  row.first = *last - static_cast<std::uint32_t>(bodies->size() - 1);
  row.bodies = std::move(*bodies);
  return row;
}

}  // namespace

void put_bodies(WriteBatch& batch, chain::Height height,
                std::span<const std::shared_ptr<const Submission>> bodies) {
  Bytes row;
  for (std::size_t begin = 0; begin < bodies.size();) {
    std::size_t end = begin;
    std::size_t bytes = 0;
    while (end < bodies.size() && (end == begin || bytes < kBodyRowBytes)) {
      bytes += digests(*bodies[end++])->encoded_bytes;
    }
    row.clear();
    row.reserve(bytes + 4 * (end - begin) + 4);
    EncodeArchive ar(row);  // as a list of byte strings, without making the strings
    ar.varint(end - begin);
    for (; begin < end; ++begin) {
      const std::size_t size = digests(*bodies[begin])->encoded_bytes;
      ar.varint(size);
      const std::size_t at = row.size();
      ar(*bodies[begin]);
      IMI_CHECK(row.size() - at == size, "a submission's size is that of its encoding");
    }
    batch.put(rows::bodies_key(height, static_cast<std::uint32_t>(end - 1)), row);
  }
}

std::expected<std::vector<Bytes>, StoreError> read_bodies(const StoreView& rows,
                                                          chain::Height height) {
  std::vector<Bytes> out;
  std::optional<StoreError> failure;
  const auto scanned = rows.scan(
      rows::bodies_key(height, 0), rows::bodies_end(height),
      [&](ByteView key, ByteView value) {
        auto row = parse(key, value);
        if (row && row->first != out.size()) {
          row = std::unexpected(
              StoreError{StoreError::Reason::kCorruption, "a row of submissions is missing"});
        }
        if (!row) {
          failure = std::move(row.error());
          return false;
        }
        std::move(row->bodies.begin(), row->bodies.end(), std::back_inserter(out));
        return true;
      },
      false);
  if (!scanned) return std::unexpected(scanned.error());
  if (failure) return std::unexpected(std::move(*failure));
  return out;
}

std::expected<std::optional<Bytes>, StoreError> read_body(const StoreView& rows,
                                                          chain::Height height,
                                                          std::uint32_t index) {
  std::optional<std::expected<BodyRow, StoreError>> row;
  const auto scanned = rows.scan(rows::bodies_key(height, index), rows::bodies_end(height),
                                 [&](ByteView key, ByteView value) {
                                   row = parse(key, value);
                                   return false;  // the first that ends at or after it
                                 });
  if (!scanned) return std::unexpected(scanned.error());
  if (!row) return std::nullopt;
  if (!*row) return std::unexpected(std::move(row->error()));
  if (index < (*row)->first) return std::nullopt;
  return std::move((*row)->bodies[index - (*row)->first]);
}

}  // namespace imi::ledger
