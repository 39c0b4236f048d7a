// Writes the binary corpora: small valid samples of every format, from a fixed seed.
//   make_fuzz_corpus tests/fuzz/corpus
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "consensus/safety_state.h"
#include "consensus/verify.h"
#include "ledger/proof/queries.h"
#include "node/wal.h"
#include "node/wire.h"
#include "tests/unit/ledger/field_samples.h"
#include "tests/unit/ledger/test_chain.h"

using namespace imi;

namespace {

std::filesystem::path root;

void put(const std::string& target, const std::string& name, ByteView bytes) {
  std::filesystem::create_directories(root / target);
  std::ofstream out(root / target / name, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

class MemoryFile final : public node::AppendFile {
 public:
  explicit MemoryFile(Bytes& to) : to_(to) {}
  std::expected<void, node::IoError> append(ByteView bytes) override {
    imi::append(to_, bytes);
    return {};
  }
  std::expected<void, node::IoError> sync() override { return {}; }

 private:
  Bytes& to_;
};

class MemoryFiles final : public node::FileSystem {
 public:
  Bytes bytes;
  std::expected<void, node::IoError> make_directory(const std::string&) override { return {}; }
  std::expected<std::vector<std::string>, node::IoError> list(const std::string&) override {
    return std::vector<std::string>{};
  }
  std::expected<std::unique_ptr<node::AppendFile>, node::IoError> create(const std::string&,
                                                                         const std::string&,
                                                                         std::uint64_t) override {
    return std::make_unique<MemoryFile>(bytes);
  }
  std::expected<Bytes, node::IoError> read(const std::string&, const std::string&,
                                           std::uint64_t) override {
    return bytes;
  }
  std::expected<void, node::IoError> remove(const std::string&, const std::string&) override {
    return {};
  }
  std::expected<void, node::IoError> sync_directory(const std::string&) override { return {}; }
};

void ledger_samples(ledger::test::TestChain& chain) {
  auto db = chain.open(ledger::MemStore::create());
  const auto person_key = crypto::SecretKey::generate(chain.random());
  const auto first = chain.submit(
      {chain.enterprise(1), chain.enterprise(2), chain.person(person_key), chain.attestation()});
  const auto second = chain.submit({chain.event(1), chain.event(1, 2), chain.event(99)});
  chain.add(*db, {first});
  const chain::LedgerHead head = chain.add(*db, {second});
  put("submission", "subjects", encode(*first));
  put("submission", "events", encode(*second));
  put("genesis_file", "genesis", ledger::encode_genesis_file(chain.genesis()));
  put("chain_values", "head", encode(head));
  put("chain_values", "certificate", encode(chain.certificate(head)));
  put("chain_values", "set", encode(chain.genesis().validators));
  put("chain_values", "block", encode(chain.block(head, {first, second})));

  const auto reader = db->reader();
  const auto prove = [&](const std::string& name, const ledger::Question& q) {
    const auto reply = ledger::answer(*reader, q, true);
    if (reply && reply->proof) put("proof", name, ledger::encode_proof(*reply->proof));
  };
  prove("head", ledger::AskHead{});
  prove("earlier_head", ledger::AskHead{chain::Height(1)});
  prove("enterprise", ledger::AskEnterprise{chain.uscc(1), std::nullopt, {}});
  prove("absent", ledger::AskEnterprise{chain.uscc(7), std::nullopt, {}});
  prove("submission", ledger::AskSubmission{second->digests->id, std::nullopt});
  prove("entry", ledger::AskEntry{second->digests->id, 0, head.height});

  const auto record = [&](const std::string& name, const ledger::Question& q) {
    const auto reply = ledger::answer(*reader, q, true);
    if (!reply || !reply->proof) return;
    int n = 0;
    for (const auto& r : reply->proof->records) {
      if (r.value) put("state_records", name + std::to_string(n++), *r.value);
    }
  };
  record("enterprise", ledger::AskEnterprise{chain.uscc(1), std::nullopt, {}});
  record("submission", ledger::AskSubmission{second->digests->id, std::nullopt});
  record("agency", ledger::AskAgency{chain.agency()});

  put("node_frame", "push", encode(node::PushFrame{1, {encode(*first)}}));
  put("node_frame", "ack", encode(node::AckFrame{1, {0, 3}}));
  put("node_frame", "fetch",
      encode(node::FetchBodiesFrame{chain::Height(2), {first->digests->content}}));
  put("node_frame", "fetch_runs",
      encode(node::FetchRunsFrame{chain::Height(1), chain::Height(9), true}));
  put("node_frame", "proof", encode(node::StoredProof(chain.certificate(head))));
}

// Each kind of entry, alone and in a submission of its own.
void entry_samples(ledger::test::TestChain& chain) {
  for (const ledger::Entry& entry : ledger::test::sample_entries(1, 2)) {
    const std::string kind(ledger::name(ledger::kind_of(entry)));
    put("submission", "entry-" + kind, encode(entry));
    put("submission", "submission-" + kind, encode(*chain.submit({entry})));
  }
}

void consensus_samples(ledger::test::TestChain& chain) {
  using namespace consensus;
  const auto db = chain.open(ledger::MemStore::create());
  const Block block = chain.block(db->applied(), {});
  const BlockId id = chain::block_id(chain.id(), block.header);
  const auto sign = [&](std::size_t member, Payload payload, const Hash256& digest) {
    SignedMessage m;
    m.sender = MemberId(static_cast<std::uint16_t>(member));
    m.payload = std::move(payload);
    m.signature = chain.validators()[member].sign(digest);
    return m;
  };
  const auto member = [](std::size_t m) { return MemberId(static_cast<std::uint16_t>(m)); };
  const View view(0);
  const Height height = block.header.height;
  const auto pre = sign(0, PrePrepare{view, block.header, block.items},
                        pre_prepare_digest(chain.id(), Epoch(0), member(0), view, height, id));
  PreparedCertificate prepared;
  prepared.header = block.header;
  prepared.primary = pre.signature;
  for (std::size_t i = 1; i < 3; ++i) {
    const auto d = prepare_digest(chain.id(), Epoch(0), member(i), view, height, id);
    prepared.prepares.push_back({member(i), chain.validators()[i].sign(d)});
  }
  ViewChange change{View(1), std::nullopt, {HeightCertificate{prepared}}};
  const auto vc = sign(2, change, view_change_digest(chain.id(), Epoch(0), member(2), change));
  NewView nv{View(1), {{member(2), change, vc.signature}}, {{block.header, pre.signature}}};
  const auto put_message = [](const std::string& name, const SignedMessage& m) {
    put("consensus_message", name, encode(m));
  };
  put_message("pre_prepare", pre);
  put_message("prepare", sign(1, Prepare{view, height, id},
                              prepare_digest(chain.id(), Epoch(0), member(1), view, height, id)));
  put_message("commit", sign(1, Commit{view, height, id},
                             commit_digest(chain.id(), Epoch(0), member(1), view, height, id)));
  put_message("view_change", vc);
  put_message("new_view", sign(1, nv, new_view_digest(chain.id(), Epoch(0), member(1), nv)));
  SignedMessage status;
  status.payload = Status{};
  put_message("status", status);
  SafetyState state;
  state.apply(AcceptedProposal{view, block, pre.signature});
  state.apply(RecordedPrepared{prepared});
  put("consensus_message", "safety_state", encode(state));
  put("consensus_message", "safety_record", encode(SafetyRecord(CommitVote{view, height, id})));

  MemoryFiles files;
  crypto::SeededRandom random(1);
  if (node::Wal::create(files, "d", node::WalHeader{}, random)) {
    put("safety_log", "fresh", files.bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_fuzz_corpus FOLDER\n");
    return 2;
  }
  root = argv[1];
  ledger::test::TestChain chain;
  ledger_samples(chain);
  entry_samples(chain);
  consensus_samples(chain);
  return 0;
}
