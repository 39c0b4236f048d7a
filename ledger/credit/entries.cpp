#include "ledger/credit/entries.h"

#include "ledger/core/calendar.h"

namespace imi::ledger {
namespace {

// A day that is finer than a month, which narrows a person down.
RefusalField precise_day(const EventFacts& f) {
  if (!is_first_of_month(f.occurred)) return RefusalField::kOccurred;
  if (!is_first_of_month(f.decided)) return RefusalField::kDecided;
  if (f.ended && !is_first_of_month(*f.ended)) return RefusalField::kEnded;
  if (f.notified && !is_first_of_month(*f.notified)) return RefusalField::kNotified;
  return RefusalField::kNone;
}

}  // namespace

SourceKey key_of(const Source& source) {
  if (const auto* text = std::get_if<std::string>(&source)) return source_key(*text);
  return std::get<SourceKey>(source);
}

bool is_public(const EventFacts& facts) { return std::holds_alternative<PublicFacts>(facts.what); }

RefusalField plain_field(const EventFacts& facts) {
  return is_public(facts) ? RefusalField::kFacts : precise_day(facts);
}

Hash256 EventRecord::result_id(const EntryPlace& place) const {
  const auto agency = chain::retag<AgencyId>(place.author);
  return chain::retag<Hash256>(source ? event_id(agency, key_of(*source))
                                      : event_id(place.submission, place.index));
}

About EventRecord::about() const {
  if (is_public(facts)) return about_subject(subject, RefusalField::kFacts);
  // An agency's own name of the case identifies it, whatever the facts are.
  const bool named = source && std::holds_alternative<std::string>(*source);
  return about_person(named ? RefusalField::kSource : plain_field(facts));
}

Hash256 EventCorrect::result_id(const EntryPlace& place) const {
  return chain::retag<Hash256>(event_id(place.submission, place.index));
}

About EventCorrect::about() const {
  if (is_public(facts)) return about_event(event, RefusalField::kFacts);
  return about_person(plain_field(facts));
}

}  // namespace imi::ledger
