#include "crypto/huge_pages.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace imi::crypto {
namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

void* allocate_in_huge_pages(std::size_t bytes) {
  if (bytes < kHugePage) {
    void* memory = std::malloc(bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  const std::size_t whole = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = std::aligned_alloc(kHugePage, whole);
  if (memory == nullptr) throw std::bad_alloc();
  // Only whole huge pages: what the last one would add beyond the table stays in small pages.
  (void)::madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  return memory;
}

void free_in_huge_pages(void* memory) noexcept { std::free(memory); }

}  // namespace imi::crypto
