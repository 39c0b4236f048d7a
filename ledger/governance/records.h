// The records of the state map, as stored, hashed and proved: what execution goes by.
#pragma once

#include "base/fields.h"
#include "crypto/range.h"
#include "ledger/core/catalog.h"
#include "ledger/core/parameters.h"
#include "ledger/state/record.h"

namespace imi::ledger {

struct CatalogState {
  RecordTag<Space::kCatalog> schema;
  Catalog catalog;
  bool operator==(const CatalogState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("catalog", catalog);
  }
};

struct ParametersState {
  RecordTag<Space::kParameters> schema;
  Parameters parameters;
  bool operator==(const ParametersState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("parameters", parameters);
  }
};

struct RuleState {
  RecordTag<Space::kRule> schema;
  Rule rule;
  crypto::RangePeaks history;
  bool operator==(const RuleState&) const = default;
  template <class V>
  void each_field(V& v) {
    v("schema", schema);
    v("rule", rule);
    v("history", history);
  }
};

}  // namespace imi::ledger
