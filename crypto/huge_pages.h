// Memory for large tables that are read here and there: in huge pages where the system gives them
// (madvise, Linux). Each read of such a table costs a cache miss; with pages of 4 KiB it costs a
// walk of the page tables besides, which a virtual machine makes dear. A hint: without huge pages
// everything works the same.
//
// Thread-safe. Throws std::bad_alloc as operator new does.
#pragma once

#include <cstddef>

namespace imi::crypto {

[[nodiscard]] void* allocate_in_huge_pages(std::size_t bytes);
void free_in_huge_pages(void* memory) noexcept;

// For std::vector: worth it from some megabytes on.
template <class T>
struct HugePages {
  using value_type = T;
  HugePages() = default;
  template <class U>
  explicit HugePages(const HugePages<U>&) {}
  [[nodiscard]] T* allocate(std::size_t n) {
    return static_cast<T*>(allocate_in_huge_pages(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { free_in_huge_pages(memory); }
  bool operator==(const HugePages&) const = default;
};

}  // namespace imi::crypto
