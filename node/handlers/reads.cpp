// The reads of records: each a question to the certified head, with or without its proof.
#include "base/hex.h"
#include "node/handlers/errors.h"
#include "node/handlers/impl.h"
#include "rpc/ledger_json.h"
#include "rpc/methods.h"

namespace imi::node {

using rpc::Error;

template <class Id>
Id id_param(const RpcRequest& q, std::string_view name) {
  const auto id = fixed_from_hex<Id>(text_param(q, name));  // bound as 64 digits
  return id ? *id : Id{};
}
template chain::SubmissionId id_param<chain::SubmissionId>(const RpcRequest&, std::string_view);

void Handlers::Impl::reply(std::string_view name, const ledger::Question& question,
                           std::expected<ledger::Reply, ledger::QueryError> reply,
                           RpcResponder& r) {
  if (!reply) return r.error(to_rpc(reply.error()));
  boost::json::object out{{"head", rpc::head_json(reply->head)}};
  if (reply->proof) out["proof"] = to_base64url(ledger::encode_proof(*reply->proof));
  if (!rpc::is_present(reply->answer)) {
    out["what"] = std::string(name);
    return r.error(rpc::make_error_text(
        Error::kNotFound, "there is no " + ledger::describe(question), std::move(out)));
  }
  out[name] = rpc::answer_json(question, reply->answer, reply->head, db.genesis());
  r.result(std::move(out));
}

void Handlers::Impl::read(const ledger::Question& question, std::string_view name, RpcRequest& q,
                          RpcResponder& r) {
  const auto reader = db.reader();
  if (!reader) return r.error(rpc::make_error(Error::kNoCertifiedHead));
  reply(name, question, ledger::answer(*reader, question, flag_param(q, "prove")), r);
}

namespace {
ledger::Page page_of(const RpcRequest& q) {
  ledger::Page page;
  page.from = number_param(q, "from").value_or(0);
  page.limit =
      static_cast<std::uint32_t>(number_param(q, "limit").value_or(ledger::kMaxPageEvents));
  return page;
}
}  // namespace

void Handlers::Impl::enterprise(RpcRequest& q, RpcResponder& r) {
  const auto uscc = flag_param(q, "as_issued") ? ledger::parse_uscc_as_issued(text_param(q, "uscc"))
                                               : ledger::parse_uscc(text_param(q, "uscc"));
  if (!uscc) {
    return r.error(rpc::make_error_text(Error::kInvalidParams,
                                        "uscc: " + std::string(ledger::describe(uscc.error())),
                                        {{"param", "uscc"}}));
  }
  ledger::AskEnterprise ask{*uscc, std::nullopt, page_of(q)};
  if (const std::string_view kind = text_param(q, "kind"); !kind.empty()) {
    const ledger::EventCode* code = db.genesis().catalog.code(kind);
    if (code == nullptr) {
      return r.error(rpc::make_error_text(
          Error::kInvalidParams,
          "kind: the catalog has no code '" + std::string(kind) + "'; see the method `catalog`",
          {{"param", "kind"}}));
    }
    ask.code = code->id;
  }
  read(ask, "enterprise", q, r);
}

void Handlers::Impl::person(RpcRequest& q, RpcResponder& r) {
  const std::string_view text = text_param(q, "query");
  if (text.empty()) return r.error(rpc::make_error(Error::kPurposeRequired));
  const auto bytes = from_base64url(text);
  const auto query = bytes ? decode<ledger::SignedQuery>(*bytes)
                           : std::expected<ledger::SignedQuery, CodecError>(
                                 std::unexpected(CodecError{CodecError::Reason::kTruncated, 0}));
  if (!query) {
    return r.error(rpc::make_error(Error::kQueryMalformed, {{"why", describe(query.error())}}));
  }
  const auto reader = db.reader();
  if (!reader) return r.error(rpc::make_error(Error::kNoCertifiedHead));
  reply("person", query->body.question,
        ledger::answer_person(*reader, *query, flag_param(q, "prove"),
                              {options.node_id, clock.now(), replays}),
        r);
}

void Handlers::Impl::attestation(RpcRequest& q, RpcResponder& r) {
  read(ledger::AskAttestation{id_param<ledger::AttestationId>(q, "aid")}, "attestation", q, r);
}

void Handlers::Impl::event(RpcRequest& q, RpcResponder& r) {
  read(ledger::AskEvent{id_param<ledger::EventId>(q, "eid")}, "event", q, r);
}

void Handlers::Impl::agency(RpcRequest& q, RpcResponder& r) {
  read(ledger::AskAgency{id_param<ledger::AgencyId>(q, "id")}, "agency", q, r);
}

void Handlers::Impl::agencies(RpcRequest& q, RpcResponder& r) {
  const auto reader = db.reader();
  if (!reader) return r.error(rpc::make_error(Error::kNoCertifiedHead));
  std::optional<ledger::AgencyId> after;
  if (q.params.contains("after")) after = id_param<ledger::AgencyId>(q, "after");
  const auto limit = number_param(q, "limit").value_or(rpc::kMaxPage);
  const auto ids = reader->later_agencies(after, limit);
  if (!ids) return r.error(to_rpc(ids.error()));
  boost::json::array list;
  for (const ledger::AgencyId& id : *ids) list.emplace_back(to_hex(id));
  r.result(boost::json::object{{"head", rpc::head_json(reader->head())}, {"ids", std::move(list)}});
}

void Handlers::Impl::head(RpcRequest& q, RpcResponder& r) {
  const auto reader = db.reader();
  if (!reader) return r.error(rpc::make_error(Error::kNoCertifiedHead));
  ledger::AskHead ask;
  if (const auto height = number_param(q, "height")) ask.height = chain::Height(*height);
  auto reply = ledger::answer(*reader, ask, flag_param(q, "prove"));
  if (!reply) return r.error(to_rpc(reply.error()));
  boost::json::object out{{"head", rpc::head_json(reply->head)}};
  if (reply->proof) out["proof"] = to_base64url(ledger::encode_proof(*reply->proof));
  r.result(std::move(out));
}

void Handlers::Impl::log_proof(RpcRequest& q, RpcResponder& r) {
  const auto reader = db.reader();
  if (!reader) return r.error(rpc::make_error(Error::kNoCertifiedHead));
  ledger::Question question;
  if (q.params.contains("id")) {
    ledger::AskEntry ask{id_param<chain::SubmissionId>(q, "id"),
                         static_cast<std::uint32_t>(number_param(q, "index").value_or(0)),
                         chain::Height(number_param(q, "height").value_or(0))};
    if (!q.params.contains("height")) {
      // Its fate says where it is, until that is pruned (F3).
      auto fate = ledger::answer(*reader, ledger::AskSubmission{ask.id, std::nullopt}, false);
      if (!fate) return r.error(to_rpc(fate.error()));
      const auto& a = std::get<ledger::SubmissionAnswer>(fate->answer);
      if (!a.state) {
        return r.error(
            rpc::make_error(Error::kNotFound, {{"what", "submission"}, {"id", to_hex(ask.id)}}));
      }
      ask.height = a.state->height;
    }
    question = ask;
  } else if (q.params.contains("from") && q.params.contains("root")) {
    question = ledger::AskConsistency{*number_param(q, "from"), id_param<Hash256>(q, "root")};
  } else {
    return r.error(rpc::make_error_text(
        Error::kInvalidParams,
        "give `id` and `index` for an entry's place in the log, or `from` and `root` for the "
        "consistency of an older head's log with today's"));
  }
  auto reply = ledger::answer(*reader, question, true);
  if (!reply) return r.error(to_rpc(reply.error()));
  r.result(boost::json::object{
      {"head", rpc::head_json(reply->head)},
      {"entry", rpc::answer_json(question, reply->answer, reply->head, db.genesis())},
      {"proof", to_base64url(ledger::encode_proof(*reply->proof))}});
}

}  // namespace imi::node
