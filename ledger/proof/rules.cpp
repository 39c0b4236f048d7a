#include "ledger/proof/rules.h"

#include <algorithm>

#include "ledger/state/state_keys.h"

namespace imi::ledger {
namespace {

template <class T>
using Result = std::expected<T, EvidenceError>;

std::unexpected<EvidenceError> bad_record(std::string_view what) {
  return std::unexpected(EvidenceError(
      ProofError{ProofError::Reason::kBadRecord, 0, 0, std::nullopt, std::string(what)}));
}

// The record of type T at a path.
template <class T>
Result<std::optional<T>> read(EvidenceSource& source, const Hash256& path, std::string_view what) {
  auto row = source.record(path);
  if (!row) return std::unexpected(std::move(row.error()));
  if (!row->has_value()) return std::nullopt;
  auto value = decode<T>(**row);
  if (!value) return bad_record(what);
  return std::move(*value);
}

// The current record of every event that the page names, each once, in the order of first mention.
Result<void> read_events(EvidenceSource& source, DossierAnswer& answer) {
  for (const DossierLeaf& leaf : answer.leaves) {
    if (answer.events.contains(leaf.event)) continue;
    auto event = read<EventState>(source, state_path(Space::kEvent, leaf.event), "event");
    if (!event) return std::unexpected(std::move(event.error()));
    // A leaf without its event, or with another subject's, is no state that execution can reach.
    if (!event->has_value() || (*event)->subject != answer.sid) return bad_record("event");
    answer.events.emplace(leaf.event, std::move(**event));
  }
  return {};
}

Result<Answer> dossier(EvidenceSource& source, const SubjectId& sid,
                       const std::optional<CodeId>& code, const Page& page) {
  DossierAnswer answer;
  answer.sid = sid;
  auto subject = read<SubjectState>(source, state_path(Space::kSubject, sid), "subject");
  if (!subject) return std::unexpected(std::move(subject.error()));
  answer.subject = std::move(*subject);
  if (!answer.subject) return answer;

  auto dossier = read<DossierState>(source, state_path(Space::kDossier, sid), "dossier");
  if (!dossier) return std::unexpected(std::move(dossier.error()));
  if (!dossier->has_value()) return bad_record("dossier");
  answer.dossier = std::move(*dossier);

  const Cell* cell = code ? answer.dossier->cell(*code) : nullptr;
  if (code && cell == nullptr) return answer;  // proved: nothing of that code was ever recorded
  const crypto::RangePeaks& range = cell == nullptr ? answer.dossier->peaks : cell->peaks;
  answer.total = range.size();
  if (page.from >= answer.total) return answer;  // an empty page; the total says so

  const std::uint64_t count = std::min<std::uint64_t>(page.limit, answer.total - page.from);
  auto leaves = source.page({sid, code, range, page.from, count});
  if (!leaves) return std::unexpected(std::move(leaves.error()));
  answer.leaves = std::move(*leaves);
  if (auto events = read_events(source, answer); !events) {
    return std::unexpected(std::move(events.error()));
  }
  return answer;
}

Result<Answer> submission(EvidenceSource& source, const AskSubmission& ask,
                          const Parameters& parameters) {
  SubmissionAnswer answer;
  auto state = read<SubmissionState>(source, state_path(Space::kSubmission, ask.id), "submission");
  if (!state) return std::unexpected(std::move(state.error()));
  answer.state = std::move(*state);
  if (!answer.state) {
    answer.status = status_of_absent(ask.expiry, source.head().time, parameters);
    return answer;
  }
  answer.status = SubmissionStatus::kCommitted;
  if (answer.state->refused == 0) {
    answer.outcomes = SubmissionOutcomes{false, answer.state->count, {}};
  } else {
    auto outcomes = source.outcomes(*answer.state);
    if (!outcomes) return std::unexpected(std::move(outcomes.error()));
    answer.outcomes = std::move(*outcomes);
  }
  if (answer.outcomes->digest() != answer.state->outcomes) {
    return std::unexpected(
        EvidenceError(ProofError{ProofError::Reason::kWrongOutcomes, 0, 0, std::nullopt, {}}));
  }
  return answer;
}

}  // namespace

Result<Answer> work_out(const Question& question, const Parameters& parameters,
                        EvidenceSource& source) {
  struct Rules {
    EvidenceSource& source;
    const Parameters& parameters;

    Result<Answer> operator()(const AskHead& ask) const {
      if (ask.height && *ask.height != source.head().height) {
        return std::unexpected(
            EvidenceError(ProofError{ProofError::Reason::kWrongHistory, 0, 0, std::nullopt, {}}));
      }
      return HeadAnswer{};
    }
    Result<Answer> operator()(const AskEnterprise& ask) const {
      return dossier(source, enterprise_id(ask.uscc), ask.code, ask.page);
    }
    Result<Answer> operator()(const AskPerson& ask) const {
      return dossier(source, ask.sid, std::nullopt, ask.page);
    }
    Result<Answer> operator()(const AskEvent& ask) const {
      auto event = read<EventState>(source, state_path(Space::kEvent, ask.eid), "event");
      if (!event) return std::unexpected(std::move(event.error()));
      return EventAnswer{std::move(*event)};
    }
    Result<Answer> operator()(const AskAttestation& ask) const {
      auto att = read<AttState>(source, state_path(Space::kAttestation, ask.aid), "attestation");
      if (!att) return std::unexpected(std::move(att.error()));
      return AttestationAnswer{std::move(*att)};
    }
    Result<Answer> operator()(const AskAgency& ask) const {
      auto agency = read<AgencyState>(source, state_path(Space::kAgency, ask.id), "agency");
      if (!agency) return std::unexpected(std::move(agency.error()));
      return AgencyAnswer{std::move(*agency)};
    }
    Result<Answer> operator()(const AskSubmission& ask) const {
      return submission(source, ask, parameters);
    }
    Result<Answer> operator()(const AskEntry& ask) const {
      auto entry = source.entry(ask);
      if (!entry) return std::unexpected(std::move(entry.error()));
      return std::move(*entry);
    }
    Result<Answer> operator()(const AskConsistency& ask) const {
      if (auto held = source.consistency(ask); !held) {
        return std::unexpected(std::move(held.error()));
      }
      return ConsistencyAnswer{};
    }
  };
  return std::visit(Rules{source, parameters}, question);
}

}  // namespace imi::ledger
