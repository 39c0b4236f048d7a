#include "cli/write/dry_run.h"

#include <memory>

#include "base/check.h"
#include "ledger/state/state_keys.h"

namespace imi::cli {

using ledger::Space;

// The records read so far, with what the entries changed in them. A path that was not read is of
// something new (a submission, the event that a correction makes): there is none.
class DryRun::View final : public ledger::StateView {
 public:
  [[nodiscard]] std::expected<std::optional<Bytes>, ledger::StoreError> record(
      const Hash256& path, ledger::RecordUse) const override {
    const auto it = records_.find(path);
    return it == records_.end() ? std::nullopt : it->second;
  }
  [[nodiscard]] std::expected<std::optional<Bytes>, ledger::StoreError> aux(
      ByteView) const override {
    return std::nullopt;
  }
  [[nodiscard]] bool has(const Hash256& path) const { return records_.contains(path); }
  template <class Record>
  void put(const Hash256& path, const std::optional<Record>& record) {
    records_[path] = record ? std::optional(encode(*record)) : std::nullopt;
  }
  void apply(const ledger::StateDiff& diff) {
    for (const ledger::RecordChange& r : diff.records) records_[r.path] = r.value;
  }

 private:
  std::map<Hash256, std::optional<Bytes>> records_;
};

DryRun::DryRun(LedgerRecords& records, const ledger::Policy& policy, const ledger::AuthorId& author,
               const crypto::SecretKey& key)
    : records_(records),
      policy_(policy),
      author_(author),
      key_(key),
      view_(std::make_unique<View>()) {
  const auto agency = chain::retag<ledger::AgencyId>(author);
  view_->put(state_path(Space::kAgency, agency), records_.agency(agency));
}

DryRun::~DryRun() = default;

void DryRun::load_enterprise(const ledger::Uscc& uscc) {
  const ledger::SubjectId id = ledger::enterprise_id(uscc);
  const Hash256 path = state_path(Space::kSubject, id);
  if (view_->has(path)) return;
  const LedgerRecords::Enterprise e = records_.enterprise(uscc);
  view_->put(path, e.subject);
  view_->put(state_path(Space::kDossier, id), e.dossier);
}

void DryRun::load_event(const ledger::EventId& id) {
  const Hash256 path = state_path(Space::kEvent, id);
  if (!view_->has(path)) view_->put(path, records_.event(id));
}

void DryRun::load(const Item& item) {
  if (item.enterprise) load_enterprise(*item.enterprise);
  if (const auto* e = std::get_if<ledger::EventRecord>(&item.entry); e != nullptr && e->source) {
    load_event(
        ledger::event_id(chain::retag<ledger::AgencyId>(author_), ledger::key_of(*e->source)));
  } else if (const auto* c = std::get_if<ledger::EventCorrect>(&item.entry)) {
    load_event(c->event);
  } else if (const auto* w = std::get_if<ledger::EventWithdraw>(&item.entry)) {
    load_event(w->event);
  } else if (const auto* a = std::get_if<ledger::AttStatus>(&item.entry)) {
    const Hash256 path = state_path(Space::kAttestation, a->id);
    if (!view_->has(path)) view_->put(path, records_.attestation(a->id));
  }
}

bool DryRun::is_of_another(const Item& item) {
  const auto* correct = std::get_if<ledger::EventCorrect>(&item.entry);
  const auto* withdraw = std::get_if<ledger::EventWithdraw>(&item.entry);
  if (!item.enterprise || (correct == nullptr && withdraw == nullptr)) return false;
  const ledger::EventId id = correct != nullptr ? correct->event : withdraw->event;
  load_event(id);
  const auto record = view_->record(state_path(Space::kEvent, id), ledger::RecordUse::kOnce);
  if (!*record) return false;
  const auto event = imi::decode<ledger::EventState>(**record);
  return event && event->subject != ledger::enterprise_id(*item.enterprise);
}

std::vector<std::optional<ledger::Refusal>> DryRun::run(const std::vector<Item>& items,
                                                        chain::TimeMs time) {
  std::vector<ledger::Entry> entries;
  for (const Item& item : items) {
    load(item);
    entries.push_back(item.entry);
  }
  ledger::SubmissionTerms terms{policy_.genesis, author_, {}, time.plus(1)};
  ++runs_;
  for (std::size_t i = 0; i < sizeof(runs_); ++i) {
    terms.nonce.bytes[i] = static_cast<std::uint8_t>(runs_ >> (8 * i));
  }
  const std::vector<std::shared_ptr<const ledger::Submission>> block = {
      std::make_shared<const ledger::Submission>(
          ledger::sign_submission(terms, std::move(entries), key_))};
  const auto result =
      ledger::execute(*view_, ledger::BlockInput{policy_, chain::Height(1), time, block});
  IMI_CHECK(result.has_value(), "records that were verified decode");
  view_->apply(result->diff);
  std::vector<std::optional<ledger::Refusal>> out(items.size());
  const ledger::SubmissionOutcomes& outcomes = result->submissions.at(0).outcomes;
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    if (const ledger::Refusal* r = outcomes.refusal(i)) out[i] = *r;
  }
  return out;
}

}  // namespace imi::cli
