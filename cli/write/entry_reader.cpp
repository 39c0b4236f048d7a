#include "cli/write/entry_reader.h"

#include <fmt/format.h>

#include "cli/text.h"
#include "cli/typed.h"

namespace imi::cli {
namespace json = boost::json;

EntryReader::EntryReader(const json::object& given, const ReadRules& rules)
    : given_(given), rules_(rules) {
  used_.insert("kind");
}

const json::value* EntryReader::find(std::string_view name) {
  used_.emplace(name);
  const json::value* v = given_.if_contains(name);
  if (v == nullptr || v->is_null()) return nullptr;
  // An empty cell of a file is no value.
  if (v->is_string() && is_blank(v->get_string())) return nullptr;
  return v;
}

const json::value* EntryReader::required(std::string_view name) {
  const json::value* v = find(name);
  if (v == nullptr) {
    const bool there = given_.contains(name) && !given_.at(name).is_null();
    problems_.add(name, there ? "is empty" : "is missing");
  }
  return v;
}

std::optional<std::string> EntryReader::text(std::string_view name) {
  const json::value* v = required(name);
  if (v == nullptr) return std::nullopt;
  if (v->is_string()) return std::string(v->get_string());
  if (v->is_int64()) return std::to_string(v->get_int64());
  if (v->is_uint64()) return std::to_string(v->get_uint64());
  if (v->is_bool()) return v->get_bool() ? "true" : "false";
  problems_.add(name, v->is_double() ? "is a number with a fraction or an exponent: write it as "
                                       "text, in quotes"
                                     : "must be text");
  return std::nullopt;
}

void EntryReader::read_string(std::string_view name, std::string& value, Size size) {
  const auto given = text(name);
  if (!given) return;
  // The short name of an agency is a word; every other string is a name.
  auto v = name == "short_name" ? typed_word(*given) : typed_name(*given);
  if (!v) return problems_.add(name, v.error().reason);
  if (v->empty()) return problems_.add(name, "is empty: it needs visible text");
  if (v->size() > size.most) {
    return problems_.add(name,
                         fmt::format("is {} bytes long; the limit is {}", v->size(), size.most));
  }
  value = std::move(*v);
}

void EntryReader::read_special(std::string_view name, bool& flag) {
  if (name == "as_issued") {
    used_.emplace(name);
    flag = as_issued_;  // as the code was read
    return;
  }
  const auto given = text(name);
  if (!given) return;
  const auto word = problems_.take(name, typed_word(*given));
  if (!word) return;
  if (const auto v = problems_.take(name, parse_yes_no(*word))) flag = *v;
}

std::optional<EnterpriseCode> EntryReader::enterprise_code() {
  std::optional<bool> said;
  if (has("as_issued")) {
    bool v = false;
    if (const auto given = text("as_issued")) {
      if (const auto word = problems_.take("as_issued", typed_word(*given))) {
        if (const auto yes = problems_.take("as_issued", parse_yes_no(*word))) {
          v = *yes;
          said = v;
        }
      }
    }
  }
  const auto given = text("uscc");
  if (!given) return std::nullopt;
  auto code = said ? parse_enterprise_code(*given, *said)
                   : parse_enterprise_code_by_default(*given, rules_.as_issued);
  const auto out = problems_.take("uscc", std::move(code));
  as_issued_ = out && out->as_issued;
  return out;
}

void EntryReader::read_special(std::string_view, ledger::Uscc& uscc) {
  if (const auto code = enterprise_code()) uscc = code->uscc;
}

void EntryReader::read_special(std::string_view name, ledger::SubjectId& subject) {
  if (name != "subject") {
    if (const auto t = text(name)) note(name, text_value(*t, subject, nullptr));
    return;
  }
  if (has(name)) {
    return problems_.add(name,
                         "an id may be a person's, and these facts are public: name the enterprise "
                         "by its 'uscc'");
  }
  if (const auto code = enterprise_code()) subject = ledger::enterprise_id(code->uscc);
}

EventTexts EntryReader::event_texts() {
  EventTexts out;
  for (const FactField& f : kFactFields) {
    if (!f.required && !has(f.name)) continue;
    if (auto t = text(f.name)) out.*f.text = std::move(*t);
  }
  return out;
}

void EntryReader::read_special(std::string_view, ledger::EventFacts& facts) {
  auto v = event_facts(event_texts(), *rules_.catalog, rules_.backfill);
  if (v) {
    facts = std::move(*v);
    return;
  }
  for (NamedProblem& p : v.error()) problems_.add(p.field, std::move(p.reason));
}

void EntryReader::complete(ledger::AgencyRegister& entry) {
  if (entry.id.is_zero()) entry.id = ledger::agency_id(entry.profile.short_name);
}

void EntryReader::refuse_unused() {
  const std::vector<std::string> known(used_.begin(), used_.end());
  for (const auto& kv : given_) {
    const std::string key(kv.key());
    if (used_.contains(key)) continue;
    const auto near = nearest(key, known);
    problems_.add(cut(printable(key), 40),
                  near ? "is unknown: did you mean '" + *near + "'?" : "is unknown");
  }
}

}  // namespace imi::cli
