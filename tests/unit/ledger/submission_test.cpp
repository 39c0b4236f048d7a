// Submissions: identity, canonical bytes, and what admission refuses.
#include "crypto/entries_tree.h"
#include "field_samples.h"
#include "ledger/submission/admission.h"
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;
using Reason = AdmissionError::Reason;

namespace {

struct Fixture {
  World w;
  AdmissionLimits limits = admission_limits(w.policy->genesis, w.policy->parameters);

  Submission make(std::size_t n = 3) {
    std::vector<Entry> entries;
    for (std::uint32_t i = 0; i < n; ++i) {
      entries.push_back(SubjectEnterprise{test_uscc(i + 1), "shop", Division{440604010001}});
    }
    return *w.sign(w.market, std::move(entries));
  }
};

}  // namespace

TEST_CASE("Every kind of entry survives encoding, under its own stable tag") {
  std::set<std::uint8_t> tags;
  for (const Entry& entry : sample_entries(7, 40)) {
    const Bytes bytes = encode(entry);
    tags.insert(bytes[0]);
    CHECK(bytes[0] == traits(entry).number.value);
    const auto back = decode<Entry>(bytes);
    REQUIRE(back.has_value());
    CHECK(*back == entry);
    CHECK(encode(*back) == bytes);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      CHECK_FALSE(decode<Entry>(ByteView(bytes).first(n)).has_value());
    }
  }
  CHECK(tags == std::set<std::uint8_t>{1, 2, 3, 10, 11, 19, 20, 21, 30, 31, 32});
}

TEST_CASE("A kind is found by its number and by its name") {
  for (const KindTraits& kind : kKinds) {
    REQUIRE(find_kind(kind.kind()) != nullptr);
    CHECK(find_kind(kind.kind())->name.value == kind.name.value);
    CHECK(find_kind(kind.name.value)->number.value == kind.number.value);
  }
  CHECK(find_kind("event.recorded") == nullptr);
}

TEST_CASE("A tag that no kind has is refused") {
  for (int tag = 0; tag < 256; ++tag) {
    if (is_known(static_cast<EntryKind>(tag))) continue;
    Bytes bytes = encode(sample_entries(7, 1).back());
    bytes[0] = static_cast<std::uint8_t>(tag);
    const auto back = decode<Entry>(bytes);
    REQUIRE_FALSE(back.has_value());
    CHECK(back.error().reason == CodecError::Reason::kUnknownTag);
  }
}

TEST_CASE("A decoded submission is the one that was signed, with the same digests") {
  Fixture f;
  const Submission s = f.make();
  const Bytes bytes = encode(s);
  const auto back = decode_submission(bytes, f.limits);
  REQUIRE(back.has_value());
  CHECK(*back == s);
  CHECK(encode(*back) == bytes);
  CHECK(back->digests->id == s.digests->id);
  CHECK(back->digests->content == s.digests->content);
  CHECK(back->digests->entries == s.digests->entries);
  CHECK(back->digests->encoded_bytes == bytes.size());
  CHECK(check_stateless(*back, f.limits).has_value());
  CHECK(check_signature(*back).has_value());
}

TEST_CASE("The id does not cover the signature; the content hash does") {
  Fixture f;
  Submission s = f.make();
  const auto before = *s.digests;
  s.signature.bytes[5] ^= 1;
  compute_digests(s);
  CHECK(s.digests->id == before.id);
  CHECK(s.digests->content != before.content);
}

TEST_CASE("One entry is shown under the signed root without its neighbours") {
  Fixture f;
  const Submission s = f.make(5);
  const auto path = crypto::make_entry_proof(s.digests->entries, 3);
  REQUIRE(path.has_value());
  CHECK(crypto::verify_entry(s.header.entries_root, s.header.count, 3, entry_hash(s.entries[3]),
                             *path)
            .has_value());
  CHECK_FALSE(crypto::verify_entry(s.header.entries_root, s.header.count, 3,
                                   entry_hash(s.entries[2]), *path)
                  .has_value());
}

TEST_CASE("Admission names what is wrong with a submission's structure") {
  Fixture f;
  const Submission good = f.make();
  const auto reason_of = [&](const Submission& s) {
    const auto decoded = decode_submission(encode(s), f.limits);
    if (!decoded) return decoded.error().reason;
    const auto checked = check_stateless(*decoded, f.limits);
    REQUIRE_FALSE(checked.has_value());
    CHECK_FALSE(describe(checked.error()).empty());
    return checked.error().reason;
  };

  SUBCASE("another chain") {
    Submission s = good;
    s.header.genesis.bytes[0] ^= 1;
    CHECK(reason_of(s) == Reason::kWrongGenesis);
  }
  SUBCASE("no entries") {
    Submission s = good;
    s.header.count = 0;
    s.entries.clear();
    CHECK(reason_of(s) == Reason::kNoEntries);
  }
  SUBCASE("more entries than the header counts") {
    Submission s = good;
    s.header.count = 2;
    CHECK(reason_of(s) == Reason::kCountMismatch);
  }
  SUBCASE("more entries than the chain allows") {
    Submission s = good;
    f.limits.max_entries = 2;
    CHECK(reason_of(s) == Reason::kTooManyEntries);
  }
  SUBCASE("other entries than were signed") {
    Submission s = good;
    std::get<SubjectEnterprise>(s.entries[1]).name = "another shop";
    CHECK(reason_of(s) == Reason::kEntriesMismatch);
  }
  SUBCASE("entries in another order") {
    Submission s = good;
    std::swap(s.entries[0], s.entries[1]);
    CHECK(reason_of(s) == Reason::kEntriesMismatch);
  }
  SUBCASE("too many bytes") {
    f.limits.max_bytes = static_cast<std::uint32_t>(encode(good).size() - 1);
    CHECK(reason_of(good) == Reason::kTooLarge);
  }
}

TEST_CASE("Truncated, extended and damaged submissions are refused, never half-read") {
  Fixture f;
  const Bytes bytes = encode(f.make(1));
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto r = decode_submission(ByteView(bytes).first(n), f.limits);
    REQUIRE_FALSE(r.has_value());
    CHECK(r.error().reason == Reason::kMalformed);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  CHECK(decode_submission(longer, f.limits).error().reason == Reason::kMalformed);
}

TEST_CASE("A signature counts for its header, key and chain only") {
  Fixture f;
  const Submission good = f.make();
  REQUIRE(check_signature(good).has_value());
  Submission s = good;
  s.header.expiry = s.header.expiry.next();
  CHECK(check_signature(s).error().reason == Reason::kBadSignature);
  s = good;
  s.header.key = f.w.food.key.public_key();
  CHECK(check_signature(s).error().reason == Reason::kBadSignature);
  s = good;
  s.header.key = crypto::PublicKey{};
  CHECK(check_signature(s).error().reason == Reason::kBadKey);
  s = good;
  s.header.genesis.bytes[3] ^= 1;
  CHECK(check_signature(s).error().reason == Reason::kBadSignature);
}

TEST_CASE("The window is open after block time and closed E_max later, to the millisecond (F1)") {
  Fixture f;
  const chain::TimeMs now(1'000'000);
  const auto limit = f.limits.max_expiry_ms;
  CHECK(check_window(now, now, f.limits).error().reason == Reason::kExpired);
  CHECK(check_window(now.prev(), now, f.limits).error().reason == Reason::kExpired);
  CHECK(check_window(now.next(), now, f.limits).has_value());
  CHECK(check_window(now.plus(limit), now, f.limits).has_value());
  CHECK(check_window(now.plus(limit + 1), now, f.limits).error().reason == Reason::kExpiryTooFar);
}
