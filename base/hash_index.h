// Finds values by a digest, and does nothing else: it cannot be walked through, so that nothing
// that must be the same on every node can depend on the order of a hash table.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>

#include "base/bytes.h"

namespace imi {

template <class Key, class Value>
class HashIndex {
 public:
  [[nodiscard]] std::size_t size() const { return map_.size(); }
  [[nodiscard]] bool empty() const { return map_.empty(); }
  // Null if there is none. Valid until it is erased.
  [[nodiscard]] const Value* find(const Key& key) const {
    const auto it = map_.find(key);
    return it == map_.end() ? nullptr : &it->second;
  }
  // The value at the key, and true if it was made now.
  std::pair<Value*, bool> try_emplace(const Key& key) {
    const auto [it, is_new] = map_.try_emplace(key);
    return {&it->second, is_new};
  }
  void set(const Key& key, Value value) { map_.insert_or_assign(key, std::move(value)); }
  void erase(const Key& key) { map_.erase(key); }

 private:
  std::unordered_map<Key, Value, FixedBytesHash> map_;
};

}  // namespace imi
