// Enterprises, persons and attestations.
#include "rules_world.h"

using namespace imi;
using namespace imi::ledger;
using namespace imi::ledger::test;

TEST_CASE("A market regulator registers an enterprise: a subject and an empty dossier") {
  World w;
  const SubjectEnterprise e{test_uscc(1), "佛山商店", Division{440604010001},
                            EnterpriseStatus::kActive, true};
  const Outcome o = w.run_one(w.market, e);
  REQUIRE(accepted(o));
  const SubjectId id = enterprise_id(e.uscc);
  CHECK(o.id == chain::retag<Hash256>(id));
  const auto s = w.get<SubjectState>(Space::kSubject, id).value();
  CHECK(s.subject_class() == SubjectClass::kEnterprise);
  CHECK(std::get<EnterpriseState>(s.who).name == "佛山商店");
  CHECK(std::get<EnterpriseState>(s.who).sole_trader);
  CHECK(s.keys_root.is_zero());
  const auto d = w.dossier(id);
  CHECK(d.peaks.size() == 0);
  CHECK(d.division == e.division);
  CHECK(d.access.size() == 0);
  CHECK(w.view.log.size() == 1);
}

TEST_CASE("A code issued against its check character is registered where the entry says so") {
  World w;
  const Uscc odd = Uscc::from(as_bytes(std::string_view("91990604M0007QKA93")));
  SubjectEnterprise e{odd, "老厂", Division{440604010001}};
  const Outcome refused = w.run_one(w.market, e);
  CHECK(what(refused) == "uscc-invalid");
  CHECK(describe(refused.refusal).find("as_issued") != std::string::npos);
  e.as_issued = true;
  REQUIRE(accepted(w.run_one(w.market, e)));
  const auto state = w.get<SubjectState>(Space::kSubject, enterprise_id(odd)).value();
  CHECK(std::get<EnterpriseState>(state.who).as_issued);
  // The mark means something: a code that fits does not get it.
  SubjectEnterprise plain{test_uscc(5), "Shop", Division{440604010001}};
  plain.as_issued = true;
  CHECK(what(w.run_one(w.market, plain)) == "uscc-invalid");
  CHECK(parse_uscc_as_issued("91990604M0007QKA93").has_value());
  CHECK(parse_uscc_as_issued("91990604M0007QKA9O").error() == CodeError::kAlphabet);
  CHECK(parse_uscc_as_issued("91350100M000100Y43").error() == CodeError::kFits);
}

TEST_CASE("A refusal says what was wrong in the reader's terms") {
  const auto says = [](RefusalCode code, RefusalField field, std::int64_t a, std::int64_t b) {
    return describe(Refusal{code, field, a, b});
  };
  CHECK(says(RefusalCode::kFieldOutOfRange, RefusalField::kKeys, 0, 8) ==
        "keys: 1 to 8 are needed, 0 given");
  CHECK(says(RefusalCode::kFieldOutOfRange, RefusalField::kName, 260, 200) ==
        "name: is 260 bytes long; the limit is 200");
  CHECK(says(RefusalCode::kFieldText, RefusalField::kName, 2, 7) ==
        "name: has a control character, U+0007 CONTROL CHARACTER; remove it");
  CHECK(says(RefusalCode::kFieldText, RefusalField::kSource, 3, 0x200b)
            .find("source_key: has U+200B ZERO WIDTH SPACE") == 0);
  CHECK(says(RefusalCode::kNoSuchAuthor, RefusalField::kNone, 0, 0).find("--author ID") !=
        std::string::npos);
}

TEST_CASE("An enterprise's registration is refused by name") {
  World w;
  SubjectEnterprise e{test_uscc(1), "shop", Division{440604010001}};
  const Agency* by = &w.market;
  std::string expected;
  SUBCASE("no market role") {
    by = &w.food;
    expected = "role-missing";
  }
  SUBCASE("another district") {
    e.division.code = 440605010001;
    expected = "out-of-jurisdiction";
  }
  SUBCASE("a wrong code") {
    e.uscc.bytes[17] = '?';
    expected = "uscc-invalid";
  }
  SUBCASE("no name") {
    e.name = "";
    expected = "field-text";
  }
  SUBCASE("a control character in the name") {
    e.name = "a\nb";
    expected = "field-text";
  }
  SUBCASE("no division") {
    e.division.code = 0;
    expected = "field-out-of-range";
  }
  const Outcome o = w.run_one(*by, e);
  CHECK(what(o) == expected);
  CHECK_FALSE(describe(o.refusal).empty());
  CHECK_FALSE(w.get<DossierState>(Space::kDossier, enterprise_id(e.uscc)).has_value());
}

TEST_CASE("One code, one enterprise, in one block or in two") {
  World w;
  const SubjectEnterprise e{test_uscc(1), "shop", Division{440604010001}};
  const auto outcomes = w.run(w.market, {e, e});
  CHECK(what(outcomes[0]) == "accepted");
  CHECK(what(outcomes[1]) == "already-registered");
  CHECK(what(w.run_one(w.market, e)) == "already-registered");
}

TEST_CASE("A name longer than 200 bytes does not even decode") {
  SubjectEnterprise e{test_uscc(1), std::string(201, 'x'), Division{440604010001}};
  CHECK_FALSE(decode<Entry>(encode(Entry(e))).has_value());
  e.name.resize(200);
  CHECK(decode<Entry>(encode(Entry(e))).has_value());
}

TEST_CASE("A registrar registers a person under a random id and a fresh key") {
  World w;
  const auto key = crypto::SecretKey::generate(w.random);
  SubjectPerson p{w.random.fixed<SubjectId>(), key.public_key(), 7, w.random.fixed<Hash256>()};
  REQUIRE(accepted(w.run_one(w.registrar, p)));
  const auto s = w.get<SubjectState>(Space::kSubject, p.id).value();
  CHECK(s.subject_class() == SubjectClass::kPerson);
  CHECK(s.keys_root == keys_root(key.public_key()));
  CHECK(std::get<PersonState>(s.who).index_epoch == 7);
  CHECK(w.dossier(p.id).division.code == 0);
}

TEST_CASE("A person's registration is refused by name") {
  World w;
  const auto key = crypto::SecretKey::generate(w.random).public_key();
  SubjectPerson p{w.random.fixed<SubjectId>(), key, 7, w.random.fixed<Hash256>()};
  REQUIRE(accepted(w.run_one(w.registrar, p)));
  SubjectPerson q{w.random.fixed<SubjectId>(), crypto::SecretKey::generate(w.random).public_key(),
                  7, w.random.fixed<Hash256>()};
  const Agency* by = &w.registrar;
  std::string expected;
  SUBCASE("no registrar role") {
    by = &w.market;
    expected = "role-missing";
  }
  SUBCASE("the key of another person") {
    q.key = key;
    expected = "key-reused";
  }
  SUBCASE("an agency's key") {
    q.key = w.food.key.public_key();
    expected = "key-reused";
  }
  SUBCASE("the id of another person") {
    q.id = p.id;
    expected = "already-registered";
  }
  SUBCASE("no key") {
    q.key = {};
    expected = "key-invalid";
  }
  SUBCASE("no commitment") {
    q.commitment = {};
    expected = "field-out-of-range";
  }
  SUBCASE("no id") {
    q.id = {};
    expected = "field-out-of-range";
  }
  CHECK(what(w.run_one(*by, q)) == expected);
}

TEST_CASE("A subject and an unknown key holder author none of these kinds") {
  World w;
  const auto key = crypto::SecretKey::generate(w.random);
  SubjectPerson p{w.random.fixed<SubjectId>(), key.public_key(), 7, w.random.fixed<Hash256>()};
  REQUIRE(accepted(w.run_one(w.registrar, p)));
  const Entry shop = SubjectEnterprise{test_uscc(1), "shop", Division{440604010001}};
  const auto outcome = [&](const AuthorId& author, const crypto::SecretKey& by) {
    const auto s = w.sign(author, by, {shop});
    return what(expand(*s, w.execute_block({s}).submissions[0].outcomes)[0]);
  };
  CHECK(outcome(chain::retag<AuthorId>(p.id), key) == "role-missing");
  CHECK(outcome(chain::retag<AuthorId>(p.id), w.food.key) == "key-not-authorised");
  CHECK(outcome(chain::retag<AuthorId>(key_hash(key.public_key())), key) == "role-missing");
  CHECK(outcome(w.random.fixed<AuthorId>(), key) == "no-such-author");
}

// ---- attestations -----------------------------------------------------------------------------

namespace {

AttIssue att(World& w, const crypto::PublicKey& holder) {
  return {w.random.fixed<AttestationId>(),
          kIdCard,
          3,
          w.random.fixed<Hash256>(),
          5,
          key_hash(holder),
          w.time,
          w.time.plus(30 * kDayMs)};
}

}  // namespace

TEST_CASE("An attestation is issued without any mark of its subject") {
  World w;
  const auto holder = crypto::SecretKey::generate(w.random);
  const AttIssue a = att(w, holder.public_key());
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  const auto s = w.get<AttState>(Space::kAttestation, a.id).value();
  CHECK(s.issuer == w.registrar.id);
  CHECK(s.life == AttLife::kActive);
  CHECK(s.claims == 5);
  CHECK(s.holder_key_hash == key_hash(holder.public_key()));
}

TEST_CASE("An attestation is refused by name") {
  World w;
  const auto holder = crypto::SecretKey::generate(w.random).public_key();
  AttIssue a = att(w, holder);
  const Agency* by = &w.registrar;
  std::string expected;
  SUBCASE("no issuer role") {
    by = &w.food;
    expected = "role-missing";
  }
  SUBCASE("an unknown schema") {
    a.schema = SchemaId(77);
    expected = "no-such-schema";
  }
  SUBCASE("a level above the registrar's") {
    a.level = 5;
    expected = "level-not-allowed";
  }
  SUBCASE("a schema that registrars do not issue") {
    a.schema = kTaxStanding;
    expected = "level-not-allowed";
  }
  SUBCASE("a schema outside the issuer's field") {
    by = &w.tax;
    expected = "level-not-allowed";
  }
  SUBCASE("no level") {
    a.level = 0;
    expected = "field-out-of-range";
  }
  SUBCASE("no claims") {
    a.claims = 0;
    expected = "field-out-of-range";
  }
  SUBCASE("65 claims") {
    a.claims = 65;
    expected = "field-out-of-range";
  }
  SUBCASE("no root") {
    a.claims_root = {};
    expected = "field-out-of-range";
  }
  SUBCASE("ends before it begins") {
    a.until = a.from;
    expected = "field-out-of-range";
  }
  SUBCASE("over already") {
    a.from = w.time.plus(-9);
    a.until = w.time;
    expected = "field-out-of-range";
  }
  SUBCASE("longer than the schema allows") {
    a.until = a.from.plus(365 * kDayMs + 1);
    expected = "field-out-of-range";
  }
  SUBCASE("the end of time") {
    a.until = chain::TimeMs(INT64_MAX);
    expected = "field-out-of-range";
  }
  SUBCASE("the beginning of time") {
    a.from = chain::TimeMs(INT64_MIN);
    expected = "field-out-of-range";
  }
  SUBCASE("to itself") {
    a.holder_key_hash = key_hash(w.registrar.key.public_key());
    expected = "self-attestation";
  }
  SUBCASE("to a key that names somebody") {
    a.holder_key_hash = key_hash(w.food.key.public_key());
    expected = "key-reused";
  }
  CHECK(what(w.run_one(*by, a)) == expected);
  CHECK_FALSE(w.get<AttState>(Space::kAttestation, a.id).has_value());
}

TEST_CASE("An attestation id is used once") {
  World w;
  const AttIssue a = att(w, crypto::SecretKey::generate(w.random).public_key());
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  CHECK(what(w.run_one(w.registrar, a)) == "already-registered");
}

TEST_CASE("Suspending, reinstating and revoking follow the only legal ways") {
  World w;
  const AttIssue a = att(w, crypto::SecretKey::generate(w.random).public_key());
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  const auto act = [&](AttAction action) {
    return what(w.run_one(w.registrar, AttStatus{a.id, action, AttReason::kClaimsWrong}));
  };
  CHECK(act(AttAction::kReinstate) == "illegal-transition");
  CHECK(act(AttAction::kSuspend) == "accepted");
  CHECK(act(AttAction::kSuspend) == "illegal-transition");
  CHECK(act(AttAction::kReinstate) == "accepted");
  CHECK(act(AttAction::kSuspend) == "accepted");
  CHECK(act(AttAction::kRevoke) == "accepted");
  CHECK(act(AttAction::kReinstate) == "already-revoked");
  CHECK(act(AttAction::kRevoke) == "already-revoked");
  const auto s = w.get<AttState>(Space::kAttestation, a.id).value();
  CHECK(s.life == AttLife::kRevoked);
  CHECK(s.record_version == Version(5));
}

TEST_CASE("Only the issuer changes an attestation, and only one that there is") {
  World w;
  const AttIssue a = att(w, crypto::SecretKey::generate(w.random).public_key());
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  CHECK(what(w.run_one(w.tax, AttStatus{a.id, AttAction::kRevoke})) == "not-issuer");
  CHECK(what(w.run_one(w.registrar, AttStatus{w.random.fixed<AttestationId>(),
                                              AttAction::kRevoke})) == "no-such-attestation");
}

TEST_CASE("The holder may surrender it with the holder key, and do nothing else") {
  World w;
  const auto holder = crypto::SecretKey::generate(w.random);
  const auto stranger = crypto::SecretKey::generate(w.random);
  const AttIssue a = att(w, holder.public_key());
  REQUIRE(accepted(w.run_one(w.registrar, a)));
  const auto act = [&](const crypto::SecretKey& key, AttAction action) {
    const auto s = w.sign(chain::retag<AuthorId>(key_hash(key.public_key())), key,
                          {AttStatus{a.id, action, AttReason::kSurrendered}});
    return what(expand(*s, w.execute_block({s}).submissions[0].outcomes)[0]);
  };
  CHECK(act(stranger, AttAction::kRevoke) == "not-issuer");
  CHECK(act(holder, AttAction::kSuspend) == "not-issuer");
  CHECK(act(holder, AttAction::kRevoke) == "accepted");
  CHECK(act(holder, AttAction::kRevoke) == "already-revoked");
  CHECK(w.get<AttState>(Space::kAttestation, a.id)->life == AttLife::kSurrendered);
  // The holder's author id with somebody else's key proves nothing.
  const AttIssue b = att(w, holder.public_key());
  REQUIRE(accepted(w.run_one(w.registrar, b)));
  const auto s = w.sign(chain::retag<AuthorId>(key_hash(holder.public_key())), stranger,
                        {AttStatus{b.id, AttAction::kRevoke}});
  CHECK(what(expand(*s, w.execute_block({s}).submissions[0].outcomes)[0]) == "no-such-author");
}
