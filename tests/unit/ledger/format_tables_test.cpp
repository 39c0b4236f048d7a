// The tables of entries and records in docs/DATA_FORMAT.md are those of the descriptions.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "crypto/range.h"
#include "ledger/agency/records.h"
#include "ledger/credit/records.h"
#include "ledger/dossier/records.h"
#include "ledger/governance/records.h"
#include "ledger/identity/records.h"
#include "ledger/submission/entry.h"
#include "ledger/submission/records.h"

using namespace imi;
using namespace imi::ledger;

namespace {

// Writes the fields as the document does: "uscc 18, name string, parent optional 32".
class FieldTexts {
 public:
  template <class T>
  static std::string of() {
    FieldTexts texts;
    T value;
    value.each_field(texts);
    return texts.out_;
  }
  template <class T, class... Notes>
  void operator()(std::string_view name, T&, const Notes&... notes) {
    const std::string text = type<T>();
    if (text.empty()) return;
    if (!out_.empty()) out_ += ", ";
    out_ += name;
    out_ += " " + text;
    if (const auto size = note_of<Size>(notes...)) out_ += bounds(*size);
  }

 private:
  // Of bytes or elements; of an optional one, where it is present.
  static std::string bounds(Size size) {
    std::ostringstream out;
    out << " (" << size.least << ".." << size.most << ")";
    return out.str();
  }
  template <class T>
  struct Of;
  template <class T>
  static std::string type() {
    return Of<T>::text();
  }
  std::string out_;
};

template <class T>
struct FieldTexts::Of {
  static std::string text() {
    if constexpr (std::is_same_v<T, bool>) {
      return "bool";
    } else if constexpr (std::is_enum_v<T>) {
      return type<std::underlying_type_t<T>>();
    } else if constexpr (std::is_integral_v<T>) {
      return (std::is_signed_v<T> ? "i" : "u") + std::to_string(8 * sizeof(T));
    } else if constexpr (std::is_same_v<T, std::string>) {
      return "string";
    } else {
      static_assert(HasFields<T>);
      return "{" + of<T>() + "}";
    }
  }
};
template <class Tag, class Rep>
struct FieldTexts::Of<StrongId<Tag, Rep>> {
  static std::string text() { return type<Rep>(); }
};
template <class Tag, std::size_t N>
struct FieldTexts::Of<FixedBytes<Tag, N>> {
  static std::string text() { return std::to_string(N); }
};
template <class T>
struct FieldTexts::Of<std::optional<T>> {
  static std::string text() { return "optional " + type<T>(); }
};
template <class T>
struct FieldTexts::Of<std::vector<T>> {
  static std::string text() { return "list of " + type<T>(); }
};
template <class... Ts>
struct FieldTexts::Of<std::variant<Ts...>> {
  static std::string text() {
    std::string out;
    int tag = 0;
    ((out += (out.empty() ? "" : " or ") + std::to_string(tag++) + " " + type<Ts>()), ...);
    return "variant (" + out + ")";
  }
};
template <Space S, std::uint8_t N>
struct FieldTexts::Of<RecordTag<S, N>> {
  static std::string text() { return {}; }  // said above the table
};
template <std::uint8_t N>
struct FieldTexts::Of<SchemaVersion<N>> {
  static std::string text() { return "u8 = " + std::to_string(N); }
};
// Those that the document describes in words.
#define IMI_NAMED(TYPE, TEXT)                  \
  template <>                                  \
  struct FieldTexts::Of<TYPE> {                \
    static std::string text() { return TEXT; } \
  }
IMI_NAMED(Division, "u64");
IMI_NAMED(Roles, "u32");
IMI_NAMED(Grid, "grid");
IMI_NAMED(EventFacts, "facts");
IMI_NAMED(crypto::RangePeaks, "range");
IMI_NAMED(Dispute, "dispute");
IMI_NAMED(Repair, "repair");
IMI_NAMED(Rule, "rule");
IMI_NAMED(Catalog, "Catalog");
IMI_NAMED(Parameters, "Parameters");
IMI_NAMED(AgencyProfile, "profile");
IMI_NAMED(Roll, "roll");
#undef IMI_NAMED

std::string document() {
  const char* root = std::getenv("IMI_SOURCE_DIR");
  REQUIRE(root != nullptr);
  std::ifstream in(std::string(root) + "/docs/DATA_FORMAT.md");
  REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

void require_row(const std::string& document, const std::string& row) {
  CHECK_MESSAGE(document.find("\n" + row + "\n") != std::string::npos,
                "docs/DATA_FORMAT.md has no row\n", row);
}

template <class T>
void require_struct(const std::string& document, const std::string& name) {
  require_row(document, "| " + name + " | " + FieldTexts::of<T>() + " |");
}

template <class... Es>
void require_kinds(const std::string& document, std::type_identity<std::variant<Es...>>) {
  (require_row(document, "| " + std::string(Es::kKind.name.value) + " | " +
                             std::to_string(Es::kKind.number.value) + " | " + FieldTexts::of<Es>() +
                             " |"),
   ...);
}

}  // namespace

TEST_CASE("The document of formats has every kind of entry with its fields") {
  const std::string text = document();
  require_kinds(text, std::type_identity<Entry>{});
  require_struct<AgencyProfile>(text, "profile");
  require_struct<EventFacts>(text, "facts");
}

TEST_CASE("The document of formats has every record with its fields") {
  const std::string text = document();
  require_struct<SubjectState>(text, "subject");
  require_struct<DossierState>(text, "dossier");
  require_struct<Roll>(text, "roll");
  require_struct<DossierLeaf>(text, "dossier leaf (no tag)");
  require_struct<EventState>(text, "event");
  require_struct<AttState>(text, "attestation");
  require_struct<SubmissionState>(text, "submission");
  require_struct<AgencyState>(text, "agency");
  require_struct<KeyState>(text, "key");
  require_struct<RuleState>(text, "rule");
  require_struct<CatalogState>(text, "catalog");
  require_struct<ParametersState>(text, "parameters");
}
