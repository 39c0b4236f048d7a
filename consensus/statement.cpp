#include "consensus/statement.h"

#include "base/overloaded.h"
#include "consensus/messages.h"

namespace imi::consensus {

Hash256 content_digest(const GenesisId& genesis, const ViewChange& message) {
  return chain::statement_digest(genesis, chain::StatementKind::kViewChange, message);
}

Hash256 content_digest(const GenesisId& genesis, const NewView& message) {
  return chain::statement_digest(genesis, chain::StatementKind::kNewView, message);
}

std::optional<Hash256> signed_digest(const GenesisId& genesis, Epoch epoch, MemberId member,
                                     const Statement& s) {
  using K = StatementOf;
  const auto* head = std::get_if<LedgerHead>(&s.subject);
  const auto* hash = std::get_if<Hash256>(&s.subject);
  if ((s.kind == K::kCheckpoint) != (head != nullptr)) return std::nullopt;
  if (head != nullptr) {
    const bool fits = head->genesis == genesis && head->epoch == epoch &&
                      head->height == s.height && s.height > Height(0) && s.view == View(0);
    if (!fits) return std::nullopt;
    return chain::checkpoint_digest(*head, member);
  }
  if (s.kind == K::kViewChange || s.kind == K::kNewView) {
    if (s.height != Height(0) || s.view == View(0)) return std::nullopt;
    return s.kind == K::kViewChange ? view_change_digest(genesis, epoch, member, s.view, *hash)
                                    : new_view_digest(genesis, epoch, member, s.view, *hash);
  }
  if (s.height == Height(0)) return std::nullopt;
  const auto id = chain::retag<BlockId>(*hash);
  if (s.kind == K::kPrePrepare) {
    return pre_prepare_digest(genesis, epoch, member, s.view, s.height, id);
  }
  if (s.kind == K::kPrepare) return prepare_digest(genesis, epoch, member, s.view, s.height, id);
  return commit_digest(genesis, epoch, member, s.view, s.height, id);
}

Statement FoundStatement::take(const GenesisId& genesis) const {
  Statement s;
  s.kind = kind;
  s.view = view;
  s.height = height;
  std::visit(Overloaded{
                 [&s](const BlockId* id) { s.subject = chain::retag<Hash256>(*id); },
                 [&s](const LedgerHead* head) { s.subject = *head; },
                 [&](const auto* message) { s.subject = content_digest(genesis, *message); },
             },
             subject_);
  s.signature = *signature_;
  return s;
}

void StatementFinder::vote(MemberId member, StatementOf kind, View view, Height height,
                           const BlockId& id, const crypto::Signature& signature) {
  FoundStatement f;
  f.member = member;
  f.kind = kind;
  f.view = view;
  f.height = height;
  f.subject_ = &id;
  f.signature_ = &signature;
  found_(f);
}

void StatementFinder::in(const CommitCertificate& c) {
  for (const MemberSignature& s : c.signatures) {
    vote(s.member, StatementOf::kCommit, c.view, c.height, c.id, s.signature);
  }
}

void StatementFinder::in(const PreparedCertificate& c) {
  const BlockId id = chain::block_id(genesis_, c.header);
  vote(chain::primary(set_, c.view), StatementOf::kPrePrepare, c.view, c.header.height, id,
       c.primary);
  for (const MemberSignature& s : c.prepares) {
    vote(s.member, StatementOf::kPrepare, c.view, c.header.height, id, s.signature);
  }
}

void StatementFinder::in(const CheckpointCertificate& c) {
  FoundStatement f;
  f.kind = StatementOf::kCheckpoint;
  f.height = c.head.height;
  f.subject_ = &c.head;
  for (const MemberSignature& s : c.signatures) {
    f.member = s.member;
    f.signature_ = &s.signature;
    found_(f);
  }
}

void StatementFinder::in(const ViewChange& v) {
  if (v.stable) in(*v.stable);
  for (const HeightCertificate& c : v.certificates) {
    if (const auto* prepared = std::get_if<PreparedCertificate>(&c.proof)) {
      in(*prepared);
    } else {
      in(std::get<DecidedCertificate>(c.proof).commit);
    }
  }
}

void StatementFinder::in(const NewView& n) {
  FoundStatement f;
  f.kind = StatementOf::kViewChange;
  f.view = n.view;
  for (const SignedViewChange& v : n.view_changes) {
    f.member = v.member;
    f.subject_ = &v.message;
    f.signature_ = &v.signature;
    found_(f);
    in(v.message);
  }
  for (const ReProposal& p : n.proposals) {
    vote(chain::primary(set_, n.view), StatementOf::kPrePrepare, n.view, p.header.height,
         chain::block_id(genesis_, p.header), p.signature);
  }
}

void StatementFinder::in(const SignedMessage& m) {
  const auto whole = [&](StatementOf kind, View view, Height height, auto subject) {
    FoundStatement f;
    f.member = m.sender;
    f.kind = kind;
    f.view = view;
    f.height = height;
    f.subject_ = subject;
    f.signature_ = &m.signature;
    found_(f);
  };
  using K = StatementOf;
  std::visit(
      Overloaded{
          [&](const PrePrepare& p) {
            vote(m.sender, K::kPrePrepare, p.view, p.header.height,
                 chain::block_id(genesis_, p.header), m.signature);
          },
          [&](const Prepare& p) {
            vote(m.sender, K::kPrepare, p.view, p.height, p.id, m.signature);
          },
          [&](const Commit& c) { vote(m.sender, K::kCommit, c.view, c.height, c.id, m.signature); },
          [&](const Checkpoint& c) { whole(K::kCheckpoint, View(0), c.head.height, &c.head); },
          [&](const ViewChange& v) {
            whole(K::kViewChange, v.view, Height(0), &v);
            in(v);
          },
          [&](const NewView& n) {
            whole(K::kNewView, n.view, Height(0), &n);
            in(n);
          },
          [&](const CommitNotice& n) { in(n.decided.commit); },
          [&](const CheckpointNotice& n) { in(n.certificate); },
          [](const auto& /*nothing signed*/) {},
      },
      m.payload);
}

}  // namespace imi::consensus
