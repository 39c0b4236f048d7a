#include "cli/read/agencies.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/hex.h"
#include "cli/interrupt.h"
#include "cli/read/verified.h"
#include "rpc/methods.h"

namespace imi::cli {
namespace {

// One page of ids as a node reports them; nullopt: it gave none.
std::optional<std::vector<ledger::AgencyId>> page_of(Session& s, std::size_t node,
                                                     const std::optional<ledger::AgencyId>& after) {
  json::object params{{"limit", rpc::kMaxPage}};
  if (after) params["after"] = to_hex(*after);
  const auto patience = std::min(s.timeout(), std::chrono::milliseconds(3'000));
  const auto answer = s.client().call_node(node, "agencies", std::move(params), patience);
  if (interrupted()) fail(ExitCode::kInterrupted, "interrupted", "interrupted");
  const json::object* o = answer ? answer->if_object() : nullptr;
  const json::value* list = o != nullptr ? o->if_contains("ids") : nullptr;
  if (list == nullptr || !list->is_array()) return std::nullopt;
  std::vector<ledger::AgencyId> out;
  for (const json::value& v : list->get_array()) {
    const auto id = fixed_from_hex<ledger::AgencyId>(
        v.is_string() ? std::string_view(v.get_string()) : std::string_view());
    if (!id) return std::nullopt;
    out.push_back(*id);
  }
  return out;
}

std::optional<ledger::AgencyState> read_agency(Session& s, const ledger::AgencyId& id) {
  const Verified v = read_verified(s, "agency", {{"id", to_hex(id)}}, ledger::AskAgency{id});
  return std::get<ledger::AgencyAnswer>(v.answer.answer).agency;
}

// Adds what one node reports and the ledger proves; false if the node gave no whole list. The first
// id that does not exist, or comes twice, ends what is taken from it: no list goes on for ever.
bool add_from(Session& s, std::size_t node, std::set<ledger::AgencyId>& known,
              std::vector<ListedAgency>& out) {
  std::optional<ledger::AgencyId> after;
  std::set<ledger::AgencyId> listed;
  while (true) {
    const auto page = page_of(s, node, after);
    if (!page) return false;
    for (const ledger::AgencyId& id : *page) {
      if (!listed.insert(id).second) {
        s.out().warn(fmt::format("node {}: lists the agency {} twice",
                                 s.client().nodes()[node].text(), to_hex(id)));
        return false;
      }
      if (!known.insert(id).second) continue;
      auto state = read_agency(s, id);
      if (!state) {
        s.out().warn(fmt::format("node {}: lists an agency {} that the ledger proves not to exist",
                                 s.client().nodes()[node].text(), to_hex(id)));
        return false;
      }
      out.push_back({id, state->profile, state});
    }
    if (page->size() < static_cast<std::size_t>(rpc::kMaxPage)) return true;
    after = page->back();
  }
}

}  // namespace

AgencyList all_agencies(Session& s) {
  AgencyList list;
  std::set<ledger::AgencyId> known;
  for (const ledger::AgencyRegister& a : s.genesis().agencies) {
    known.insert(a.id);
    list.agencies.push_back({a.id, a.profile, std::nullopt});
  }
  try {
    list.nodes = s.client().nodes().size();
    for (ListedAgency& a : list.agencies) {
      a.state = read_agency(s, a.id);
      if (a.state) a.profile = a.state->profile;
    }
    std::vector<ListedAgency> later;
    for (std::size_t node = 0; node < list.nodes; ++node) {
      if (add_from(s, node, known, later)) ++list.nodes_answered;
    }
    std::ranges::sort(later, {}, &ListedAgency::id);
    std::ranges::move(later, std::back_inserter(list.agencies));
  } catch (const Failure& f) {
    if (f.exit == ExitCode::kInterrupted) throw;
    list.problem = f;
  }
  return list;
}

}  // namespace imi::cli
