#include "genesis/network_toml.h"

#include <algorithm>

#include "base/hex.h"
#include "base/unicode.h"
#include "genesis/names.h"

namespace imi::genesis {
namespace {

using ledger::AgencyProfile;
using ledger::AgencyRegister;
using ledger::Genesis;
using ledger::Parameters;

// A parameter by name: read and written by the same table.
struct ParameterField {
  std::string_view name;
  std::uint32_t Parameters::* field;
};
constexpr std::array kParameterFields = {
    ParameterField{"window", &Parameters::window},
    ParameterField{"timeout_ms", &Parameters::timeout_ms},
    ParameterField{"max_timeout_ms", &Parameters::max_timeout_ms},
    ParameterField{"heartbeat_ms", &Parameters::heartbeat_ms},
    ParameterField{"past_skew_ms", &Parameters::past_skew_ms},
    ParameterField{"future_skew_ms", &Parameters::future_skew_ms},
    ParameterField{"activation_delay", &Parameters::activation_delay},
    ParameterField{"rotation_heights", &Parameters::rotation_heights},
    ParameterField{"max_block_items", &Parameters::max_block_items},
    ParameterField{"max_block_entries", &Parameters::max_block_entries},
    ParameterField{"max_block_body_bytes", &Parameters::max_block_body_bytes},
    ParameterField{"max_submission_bytes", &Parameters::max_submission_bytes},
    ParameterField{"max_entries", &Parameters::max_entries},
    ParameterField{"max_expiry_ms", &Parameters::max_expiry_ms},
    ParameterField{"grace_ms", &Parameters::grace_ms},
};

template <class Fixed>
Fixed read_hex(TomlReader& t, std::string_view key, const std::string& text) {
  const auto value = fixed_from_hex<Fixed>(text);
  if (!value) {
    t.fail(key, "must be " + std::to_string(Fixed::kSize) + " bytes in hexadecimal");
    return {};
  }
  return *value;
}

template <ledger::HasWords E>
E read_name(TomlReader& t, std::string_view key, const std::string& text) {
  if (const auto value = ledger::from_word<E>(text)) return *value;
  t.fail(key, "'" + text + "' must be one of " + words_of<E>());
  return ledger::kValues<E>[0];
}

Parameters parse_parameters(TomlReader& root) {
  Parameters p;
  auto t = root.table("parameters");
  if (!t) return p;
  for (const ParameterField& f : kParameterFields) {
    p.*f.field = static_cast<std::uint32_t>(t->integer_or(f.name, p.*f.field, 0, UINT32_MAX));
  }
  p.dispute_days =
      static_cast<std::uint16_t>(t->integer_or("dispute_days", p.dispute_days, 0, UINT16_MAX));
  t->finish();
  return p;
}

chain::Validator parse_validator(TomlReader& t) {
  chain::Validator v;
  v.name = t.text("name");
  v.key = read_hex<crypto::PublicKey>(t, "key", t.text("key"));
  v.tls_key_pin = read_hex<Hash256>(t, "tls_key_pin", t.text("tls_key_pin"));
  t.finish();
  return v;
}

std::string read_clean(TomlReader& t, std::string_view key) {
  auto text = clean(t.text(key), TextForm::kText);
  if (text) return std::move(*text);
  t.fail(key, describe(text.error()));
  return {};
}

AgencyRegister parse_agency(TomlReader& t, const ledger::Catalog& catalog) {
  AgencyRegister a;
  AgencyProfile& p = a.profile;
  p.short_name = t.text("short_name");
  p.title = read_clean(t, "title");
  p.as_issued = t.boolean_or("as_issued", false);
  const std::string code = t.text("uscc");
  const auto uscc = p.as_issued ? ledger::parse_uscc_as_issued(code) : ledger::parse_uscc(code);
  if (uscc) {
    p.uscc = *uscc;
  } else {
    t.fail("uscc", std::string(describe(uscc.error())));
  }
  if (const std::string parent = t.text_or("parent", ""); !parent.empty()) {
    p.parent = ledger::agency_id(parent);
  }
  p.tier = read_name<ledger::AgencyTier>(t, "tier", t.text("tier"));
  p.source_class = read_name<ledger::SourceClass>(t, "source_class", t.text("source_class"));
  for (const std::string& role : t.texts("roles")) {
    p.roles.bits |= static_cast<std::uint32_t>(read_name<ledger::Role>(t, "roles", role));
  }
  for (const std::string& text : t.texts("fields")) {
    const auto* field = catalog.field(text);
    if (field == nullptr) {
      t.fail("fields", "there is no field '" + text + "' in the catalog");
    } else {
      p.fields.push_back(field->id);
    }
  }
  for (const std::string& text : t.texts("divisions")) {
    const auto division = ledger::parse_division(text);
    if (!division) {
      t.fail("divisions", "'" + text + "' is not a 12-digit division code");
    } else {
      p.divisions.push_back(*division);
    }
  }
  for (const std::string& text : t.texts("keys")) {
    p.keys.push_back(read_hex<crypto::PublicKey>(t, "keys", text));
  }
  t.finish();
  std::sort(p.fields.begin(), p.fields.end());
  std::sort(p.divisions.begin(), p.divisions.end());
  std::sort(p.keys.begin(), p.keys.end());
  a.id = ledger::agency_id(p.short_name);
  return a;
}

// A TOML basic string. The texts that reach this have no control characters (they were validated).
std::string quoted(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

template <class List, class Text>
std::string list_text(const List& list, Text&& text_of) {
  std::string out = "[";
  for (const auto& element : list) {
    if (out.size() > 1) out += ", ";
    out += quoted(text_of(element));
  }
  return out + "]";
}

// The short name of an agency id, among those of the document.
std::string short_name_of(const Genesis& genesis, const ledger::AgencyId& id) {
  for (const AgencyRegister& a : genesis.agencies) {
    if (a.id == id) return a.profile.short_name;
  }
  return {};
}

std::string agency_text(const Genesis& genesis, const AgencyProfile& p) {
  std::vector<ledger::Role> roles;
  std::ranges::copy_if(ledger::kValues<ledger::Role>, std::back_inserter(roles),
                       [&](ledger::Role r) { return p.roles.has(r); });
  std::string out = "\n[[agency]]\n";
  out += "short_name = " + quoted(p.short_name) + "\n";
  out += "title = " + quoted(p.title) + "\n";
  out += "uscc = " + quoted(ledger::text(p.uscc)) + "\n";
  if (p.as_issued) out += "as_issued = true\n";
  if (p.parent) out += "parent = " + quoted(short_name_of(genesis, *p.parent)) + "\n";
  out += "tier = " + quoted(name(p.tier)) + "\n";
  out += "source_class = " + quoted(name(p.source_class)) + "\n";
  out += "roles = " + list_text(roles, [](ledger::Role r) { return name(r); }) + "\n";
  out += "fields = " +
         list_text(p.fields, [&](ledger::FieldId f) { return genesis.catalog.find(f)->text; }) +
         "\n";
  out += "divisions = " +
         list_text(p.divisions, [](const ledger::Division& d) { return ledger::text(d); }) + "\n";
  out += "keys = " + list_text(p.keys, [](const auto& k) { return to_hex(k); }) + "\n";
  return out;
}

}  // namespace

std::expected<Genesis, BuildError> parse_network(std::string_view text, std::string_view source,
                                                 ledger::Catalog catalog) {
  auto root = TomlReader::parse(text, source);
  if (!root) return std::unexpected(root.error());
  Genesis g;
  g.catalog = std::move(catalog);
  g.suite = crypto::kSuiteName;
  g.chain_name = root->text("chain_name");
  g.time = chain::TimeMs(root->integer("time_ms", 0, INT64_MAX));
  g.parameters = parse_parameters(*root);
  for (TomlReader& t : root->tables("validator")) {
    g.validators.members.push_back(parse_validator(t));
  }
  for (TomlReader& t : root->tables("agency")) {
    g.agencies.push_back(parse_agency(t, g.catalog));
  }
  root->finish();
  if (root->error()) return std::unexpected(*root->error());
  std::sort(g.agencies.begin(), g.agencies.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  if (auto ok = validate(g); !ok) {
    return std::unexpected(BuildError{std::string(source), describe(ok.error())});
  }
  return g;
}

std::string network_text(const Genesis& genesis) {
  std::string out = "chain_name = " + quoted(genesis.chain_name) + "\n";
  out += "time_ms = " + std::to_string(genesis.time.value) + "\n\n[parameters]\n";
  for (const ParameterField& f : kParameterFields) {
    out += std::string(f.name) + " = " + std::to_string(genesis.parameters.*f.field) + "\n";
  }
  out += "dispute_days = " + std::to_string(genesis.parameters.dispute_days) + "\n";
  for (const chain::Validator& v : genesis.validators.members) {
    out += "\n[[validator]]\nname = " + quoted(v.name) + "\nkey = " + quoted(to_hex(v.key)) +
           "\ntls_key_pin = " + quoted(to_hex(v.tls_key_pin)) + "\n";
  }
  for (const AgencyRegister& a : genesis.agencies) out += agency_text(genesis, a.profile);
  return out;
}

}  // namespace imi::genesis
