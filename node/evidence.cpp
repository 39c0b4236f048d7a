#include "node/evidence.h"

#include <optional>

#include "chain/block.h"
#include "consensus/messages.h"

namespace imi::node {
namespace {

using consensus::MessageKind;
using consensus::SignedMessage;

// What a message is about, and the digest that its signature covers.
struct Statement {
  std::uint64_t view = 0;
  std::uint64_t height = 0;
  Hash256 digest;
};

struct StatementOf {
  const chain::GenesisId& genesis;
  const SignedMessage& m;
  using Out = std::optional<Statement>;

  Out operator()(const consensus::PrePrepare& p) const {
    const chain::BlockId id = chain::block_id(genesis, p.header);
    return Statement{
        p.view.value, p.header.height.value,
        consensus::pre_prepare_digest(genesis, m.epoch, m.sender, p.view, p.header.height, id)};
  }
  Out operator()(const consensus::Prepare& p) const {
    return Statement{p.view.value, p.height.value,
                     consensus::prepare_digest(genesis, m.epoch, m.sender, p.view, p.height, p.id)};
  }
  Out operator()(const consensus::Commit& c) const {
    return Statement{c.view.value, c.height.value,
                     consensus::commit_digest(genesis, m.epoch, m.sender, c.view, c.height, c.id)};
  }
  Out operator()(const consensus::Checkpoint& c) const {
    if (c.head.genesis != genesis || c.head.epoch != m.epoch) return std::nullopt;
    return Statement{0, c.head.height.value, chain::checkpoint_digest(c.head, m.sender)};
  }
  Out operator()(const consensus::ViewChange& v) const {
    return Statement{v.view.value, 0, consensus::view_change_digest(genesis, m.epoch, m.sender, v)};
  }
  Out operator()(const consensus::NewView& v) const {
    return Statement{v.view.value, 0, consensus::new_view_digest(genesis, m.epoch, m.sender, v)};
  }
  Out operator()(const auto& /*unsigned kinds*/) const { return std::nullopt; }
};

std::string pair_file(const EvidencePair& p) {
  return std::to_string(p.epoch.value) + "-" + std::to_string(p.member.value) + "-" +
         std::to_string(p.kind) + ".pair";
}

}  // namespace

EvidencePair make_evidence(const chain::GenesisId& genesis, const consensus::Evidence& e) {
  EvidencePair p;
  p.genesis = genesis;
  p.epoch = e.first->epoch;
  p.member = e.member;
  p.kind = static_cast<std::uint8_t>(e.kind);
  p.first = encode(*e.first);
  p.second = encode(*e.second);
  return p;
}

std::expected<void, std::string_view> check(const EvidencePair& pair,
                                            const chain::GenesisId& genesis,
                                            const chain::ValidatorSet& set) {
  if (pair.genesis != genesis) return std::unexpected("it belongs to another chain");
  if (pair.epoch != set.epoch || pair.member.value >= set.members.size()) {
    return std::unexpected("it is of another epoch or of a member that does not exist");
  }
  std::optional<Statement> said[2];
  for (const int i : {0, 1}) {
    const auto m = consensus::decode_message(i == 0 ? pair.first : pair.second);
    if (!m) return std::unexpected("a message does not decode");
    if (m->epoch != pair.epoch || m->sender != pair.member ||
        static_cast<std::uint8_t>(m->kind()) != pair.kind) {
      return std::unexpected("a message is of another epoch, member or kind");
    }
    said[i] = std::visit(StatementOf{genesis, *m}, m->payload);
    if (!said[i]) return std::unexpected("a message is not of a signed kind");
    if (!crypto::verify(set.members[pair.member.value].key, said[i]->digest, m->signature)) {
      return std::unexpected("a signature is not valid");
    }
  }
  if (said[0]->view != said[1]->view || said[0]->height != said[1]->height) {
    return std::unexpected("the messages differ in view or height");
  }
  if (said[0]->digest == said[1]->digest) return std::unexpected("the messages do not conflict");
  return {};
}

std::expected<std::unique_ptr<EvidenceStore>, IoError> EvidenceStore::open(
    FileSystem& files, const std::string& directory, const chain::GenesisId& genesis,
    const chain::ValidatorSet& set) {
  std::unique_ptr<EvidenceStore> store(new EvidenceStore(files, directory, genesis, set));
  if (auto ok = store->load(); !ok) return std::unexpected(std::move(ok.error()));
  return store;
}

std::expected<EvidencePair, IoError> EvidenceStore::read(const std::string& file) const {
  const auto bytes = files_.read(directory_, file, kMaxEvidenceBytes);
  if (!bytes) return std::unexpected(bytes.error());
  auto pair = decode<EvidencePair>(*bytes);
  const bool proves = pair && file == pair_file(*pair) &&
                      (pair->epoch != set_.epoch || check(*pair, genesis_, set_));
  if (!proves) {
    return std::unexpected(IoError{IoError::Reason::kMissing, file, "it proves nothing"});
  }
  return std::move(*pair);
}

std::expected<void, IoError> EvidenceStore::load() {
  if (auto ok = files_.make_directory(directory_); !ok) return ok;
  const auto names = files_.list(directory_);
  if (!names) return std::unexpected(names.error());
  for (const std::string& file : *names) {
    const auto pair = read(file);
    if (pair) {
      kept_.emplace(Key{pair->epoch.value, pair->member.value, pair->kind}, file);
      continue;
    }
    if (pair.error().reason != IoError::Reason::kMissing) return std::unexpected(pair.error());
    if (auto ok = files_.remove(directory_, file); !ok) return ok;
    ++removed_;
  }
  return {};
}

std::expected<bool, IoError> EvidenceStore::keep(const EvidencePair& pair) {
  const std::lock_guard lock(mutex_);
  const Key key{pair.epoch.value, pair.member.value, pair.kind};
  if (kept_.contains(key)) return false;
  const std::string file = pair_file(pair);
  if (const auto ok = check(pair, genesis_, set_); !ok) {
    return std::unexpected(IoError{IoError::Reason::kIo, file, std::string(ok.error())});
  }
  const Bytes bytes = encode(pair);
  if (bytes.size() > kMaxEvidenceBytes) {
    return std::unexpected(IoError{IoError::Reason::kTooLarge, file, {}});
  }
  auto out = files_.create(directory_, file, bytes.size());
  if (!out) return std::unexpected(std::move(out.error()));
  auto done = (*out)->append(bytes);
  if (done) done = (*out)->sync();
  if (done) done = files_.sync_directory(directory_);
  if (!done) {
    (void)files_.remove(directory_, file);  // or open() will
    return std::unexpected(std::move(done.error()));
  }
  kept_.emplace(key, file);
  return true;
}

std::size_t EvidenceStore::size() const {
  const std::lock_guard lock(mutex_);
  return kept_.size();
}

std::vector<EvidencePair> EvidenceStore::pairs(std::size_t from, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<EvidencePair> out;
  std::size_t place = 0;
  for (const auto& [key, file] : kept_) {
    if (place++ < from) continue;
    if (out.size() == limit) break;
    if (auto pair = read(file)) out.push_back(std::move(*pair));
  }
  return out;
}

}  // namespace imi::node
