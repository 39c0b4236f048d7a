// Golden scenarios: tests/scenarios/*.txt, text in, expected effects text out (the manner of
// etcd-io/raft's datadriven tests). Each command drives one real replica whose peers the file
// plays; below "----" stands every effect, in the order of the contract. tests/scenarios/README.md
// lists the commands. IMI_REWRITE=1 writes what the replica does now into the files: read the
// difference before committing it.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/consensus/solo.h"

using namespace imi;
using namespace imi::consensus;
using namespace imi::consensus::test;

namespace {

constexpr std::int64_t kNow = 1'000'000;

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  std::stringstream in(text);
  for (std::string part; std::getline(in, part, by);) {
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

// "name key=value key=value ..."
struct Command {
  std::string name;
  std::map<std::string, std::string> args;

  explicit Command(const std::string& line) {
    const auto words = split(line, ' ');
    name = words.at(0);
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto at = words[i].find('=');
      REQUIRE_MESSAGE(at != std::string::npos, "not key=value: " << words[i]);
      args[words[i].substr(0, at)] = words[i].substr(at + 1);
    }
  }
  [[nodiscard]] bool has(const std::string& key) const { return args.contains(key); }
  [[nodiscard]] const std::string& text(const std::string& key) const {
    REQUIRE_MESSAGE(has(key), name << " needs " << key << "=");
    return args.at(key);
  }
  [[nodiscard]] std::uint64_t number(const std::string& key, std::uint64_t otherwise) const {
    return has(key) ? std::stoull(args.at(key)) : otherwise;
  }
  [[nodiscard]] std::vector<std::string> list(const std::string& key) const {
    return has(key) ? split(args.at(key), ',') : std::vector<std::string>{};
  }
  [[nodiscard]] std::vector<MemberId> members(const std::string& key) const {
    std::vector<MemberId> out;
    for (const std::string& m : list(key)) {
      out.emplace_back(static_cast<std::uint16_t>(std::stoul(m)));
    }
    return out;
  }
};

class Scenario {
 public:
  std::string run(const std::string& line) {
    out_.clear();
    const Command c(line);
    if (c.name == "new") {
      start(c);
    } else {
      REQUIRE_MESSAGE(solo_, "a scenario begins with 'new'");
      dispatch(c);
    }
    return out_.empty() ? "ok\n" : out_;
  }

 private:
  void start(const Command& c) {
    Config config;
    config.pipeline = static_cast<std::uint32_t>(c.number("pipeline", 8));
    config.rotation_heights = c.number("rotation", 0);
    n_ = c.number("n", 4);
    me_ = static_cast<std::uint16_t>(c.number("me", 1));
    config_ = config;
    solo_ = std::make_unique<Solo>(n_, me_, config_);
    executed_ = heads_["-"] = m().genesis_head();
    names_[BlockId{}] = "-";
    keep(solo_->started);
  }

  void dispatch(const Command& c) {
    const View view(c.number("view", 0));
    if (c.name == "block") return define(c);
    if (c.name == "tick") {
      for (std::uint64_t i = 0; i < c.number("count", 1); ++i) show(solo_->tick());
      return;
    }
    if (c.name == "pre-prepare") return show(solo_->receive(m().pre_prepare(view, block(c))));
    if (c.name == "prepare" || c.name == "commit") {
      for (const MemberId from : c.members("from")) {
        const Block& b = block(c);
        const Height h = b.header.height;
        show(solo_->receive(c.name == "prepare" ? m().prepare(from, view, h, m().id_of(b))
                                                : m().commit(from, view, h, m().id_of(b))));
      }
      return;
    }
    if (c.name == "checkpoint") {
      for (const MemberId from : c.members("from")) {
        show(solo_->receive(m().checkpoint(from, heads_.at(c.text("block")))));
      }
      return;
    }
    if (c.name == "bodies") return show(solo_->bodies(block(c), items_.at(c.text("block"))));
    if (c.name == "executed") {
      executed_ = heads_.at(c.text("block"));
      return show(solo_->executed(executed_));
    }
    if (c.name == "view-change") return view_change(c, view);
    if (c.name == "new-view") return new_view(c, view);
    if (c.name == "restart") return restart(c);
    if (c.name == "state") return state();
    more(c, view);
  }

  void more(const Command& c, View view) {
    const auto from = c.members("from");
    if (c.name == "block-data") {
      show(solo_->receive(m().wrap(from.at(0), BlockData{block(c)})));
    } else if (c.name == "commit-notice") {
      const Block& b = block(c);
      show(solo_->receive(m().wrap(from.at(0), CommitNotice{{b.header, m().committed(view, b)}})));
    } else if (c.name == "checkpoint-notice") {
      show(solo_->receive(
          m().wrap(from.at(0), CheckpointNotice{m().certified(heads_.at(c.text("block")))})));
    } else if (c.name == "status") {
      Status s;
      s.view = view;
      s.changing = c.number("changing", 0) != 0;
      s.stable = s.executed = Height(c.number("stable", 0));
      s.wish = View(c.number("wish", 0));
      show(solo_->receive(m().wrap(from.at(0), s)));
    } else if (c.name == "synced") {
      SyncedBlocks run;
      for (const std::string& name : c.list("blocks")) run.blocks.push_back(blocks_.at(name));
      const std::string last = c.list("blocks").back();
      if (c.has("checkpoint")) {
        run.proof = m().certified(heads_.at(last));
      } else {
        run.proof = m().committed(view, blocks_.at(last));
      }
      show(solo_->replica().step(Synced{*solo_->verifier().verify(run)}));
    } else if (c.name == "pending") {
      show(solo_->replica().step(PendingAdded{facts(c)}));
    } else if (c.name == "propose") {
      show(solo_->replica().step(Propose{facts(c), false, TimeMs(solo_->now_ms)}));
    } else {
      FAIL("unknown command: " << c.name);
    }
  }

  void define(const Command& c) {
    const std::string& name = c.text("name");
    const std::string parent = c.has("parent") ? c.text("parent") : "-";
    items_[name] = facts(c);
    const Block b = m().block(Height(c.number("height", 1)),
                              parent == "-" ? BlockId{} : m().id_of(blocks_.at(parent)),
                              kNow + std::int64_t(c.number("time", 0)), items_[name]);
    blocks_[name] = b;
    names_[m().id_of(b)] = name;
    heads_[name] = m().execute(heads_.at(parent), b);
  }

  std::vector<ItemFacts> facts(const Command& c) {
    std::vector<ItemFacts> out;
    for (const std::string& item : c.list("items")) {
      out.push_back(Members::item(std::stoull(item), kNow + 300'000));
      item_names_[out.back().content] = item;
    }
    return out;
  }

  // certificates=A@0,B@1: prepared at that view; decided=A@0 likewise.
  void view_change(const Command& c, View view) {
    ViewChange v;
    v.view = view;
    if (c.has("stable")) v.stable = m().certified(heads_.at(c.text("stable")));
    std::map<Height, HeightCertificate> by_height;
    for (const char* kind : {"prepared", "decided"}) {
      for (const std::string& entry : c.list(kind)) {
        const auto parts = split(entry, '@');
        const Block& b = blocks_.at(parts.at(0));
        const View at(std::stoull(parts.at(1)));
        if (std::string(kind) == "prepared") {
          by_height[b.header.height] = {m().prepared(at, b)};
        } else {
          by_height[b.header.height] = {DecidedCertificate{b.header, m().committed(at, b)}};
        }
      }
    }
    for (auto& [h, certificate] : by_height) v.certificates.push_back(certificate);
    for (const MemberId from : c.members("from")) {
      const SignedMessage message = m().view_change(from, v);
      changes_[view][from] = message;
      if (c.number("quiet", 0) == 0) show(solo_->receive(message));
    }
  }

  void new_view(const Command& c, View view) {
    std::vector<SignedMessage> changes;
    for (const auto& [member, message] : changes_[view]) changes.push_back(message);
    std::vector<BlockHeader> headers;
    for (const std::string& name : c.list("o")) headers.push_back(blocks_.at(name).header);
    show(solo_->receive(m().new_view(view, changes, headers)));
  }

  // Crash and restart: memory is lost, what was persisted is folded again.
  void restart(const Command&) {
    RestartFacts facts{executed_, stable_, {}};
    solo_ = std::make_unique<Solo>(n_, me_, config_, durable_, facts);
    Effects e = solo_->started;
    keep(e);
    show(e);
  }

  void state() {
    const Replica& r = solo_->replica();
    line("view=" + num(r.view().value) + (r.changing() ? " changing" : "") +
         " stable=" + num(r.stable_height().value) + " executed=" + num(r.executed_height().value) +
         " decided=" + num(r.decided_height().value) + " k=" + num(r.backoff()) +
         " slots=" + num(r.proposal_slots()));
  }

  // ---- printing ---------------------------------------------------------------------------------
  void keep(const Effects& e) {
    for (const SafetyRecord& r : e.persist.records) durable_.apply(r);
    if (e.stable) stable_ = e.stable;
  }

  void show(const Effects& e) {
    keep(e);
    for (const SafetyRecord& r : e.persist.records) line("persist " + text(r));
    std::vector<ContentHash> bodies;
    for (const VotedBlock& b : e.persist.blocks) {
      bodies.insert(bodies.end(), b.block->items.begin(), b.block->items.end());
    }
    if (!bodies.empty()) line("persist bodies" + text(bodies));
    for (const Send& s : e.send) {
      if (s.message->kind() == MessageKind::kStatus) continue;  // periodic: noise here
      line("send " + text(*s.message) + " -> " + (s.to ? num(s.to->value) : "all"));
    }
    for (const Execute& x : e.execute) {
      line("execute " + id(x.id) +
           (x.commit ? " view=" + num(x.commit->view.value) : " certified"));
    }
    if (e.stable) line("stable height=" + num(e.stable->head.height.value));
    for (const NeedBodies& b : e.need_bodies) line("need-bodies " + id(b.id));
    if (e.fetch_blocks) {
      line("fetch-blocks " + num(e.fetch_blocks->from.value) + ".." +
           num(e.fetch_blocks->to.value));
    }
    for (const Returned& r : e.returned) {
      line("returned " + item_names_[r.item] + ": " + std::string(describe(r.reason)));
    }
    for (const Committed& k : e.committed) line("committed " + id(k.id));
    for (const Evidence& v : e.evidence) {
      line("evidence " + std::string(name(v.kind)) + " by " + num(v.member.value));
    }
    if (e.view) {
      line("view " + num(e.view->view.value) + (e.view->changing ? " changing" : "") +
           " primary=" + num(e.view->primary.value) + " k=" + num(e.view->backoff));
    }
    if (e.wish && e.wish->cause) {
      line("wish view=" + num(e.wish->view.value) + ": " + std::string(describe(*e.wish->cause)));
    } else if (e.wish) {
      line("wish withdrawn");
    }
    if (e.alarm) line("alarm height=" + num(e.alarm->height.value));
    if (e.signing_stop) line("signing stopped");
    if (e.halt) line("halt: " + std::string(describe(e.halt->reason)));
    for (const Ignored i : e.ignored) line("ignored " + std::string(describe(i)));
  }

  std::string text(const SafetyRecord& record) {
    if (const auto* r = std::get_if<PromisedView>(&record))
      return "promise " + text(r->view_change);
    if (const auto* r = std::get_if<EnteredView>(&record)) return "enter " + text(r->new_view);
    if (const auto* r = std::get_if<AcceptedProposal>(&record)) {
      return "accepted view=" + num(r->view.value) + " " + id(m().id_of(r->block));
    }
    if (const auto* r = std::get_if<RecordedPrepared>(&record)) {
      return "prepared view=" + num(r->certificate.view.value) + " " +
             header(r->certificate.header);
    }
    if (const auto* r = std::get_if<RecordedDecision>(&record)) {
      return "decided view=" + num(r->decided.commit.view.value) + " " + header(r->decided.header);
    }
    if (const auto* r = std::get_if<CommitVote>(&record)) {
      return "commit view=" + num(r->view.value) + " " + id(r->id);
    }
    if (const auto* r = std::get_if<CheckpointVote>(&record)) {
      return "checkpoint " + id(r->head.block);
    }
    if (const auto* r = std::get_if<StableCheckpoint>(&record)) {
      return "stable " + id(r->certificate.head.block);
    }
    return "signing-stopped";
  }

  std::string text(const SignedMessage& s) {
    const std::string kind(name(s.kind()));
    if (const auto* p = std::get_if<PrePrepare>(&s.payload)) {
      if (!names_.contains(chain::block_id(config_genesis(), p->header))) {
        const std::string made = "own" + num(p->header.height.value);
        names_[chain::block_id(config_genesis(), p->header)] = made;
      }
      return kind + " view=" + num(p->view.value) + " " + header(p->header) + text(p->items);
    }
    if (const auto* p = std::get_if<Prepare>(&s.payload)) {
      return kind + " view=" + num(p->view.value) + " " + id(p->id);
    }
    if (const auto* p = std::get_if<Commit>(&s.payload)) {
      return kind + " view=" + num(p->view.value) + " " + id(p->id);
    }
    if (const auto* p = std::get_if<Checkpoint>(&s.payload)) return kind + " " + id(p->head.block);
    if (const auto* p = std::get_if<ViewChange>(&s.payload)) {
      std::string t =
          kind + " view=" + num(p->view.value) + " stable=" + num(p->stable_height().value);
      for (const HeightCertificate& c : p->certificates) {
        t += " " + header(c.header()) + "@" + num(c.view().value);
      }
      return t;
    }
    if (const auto* p = std::get_if<NewView>(&s.payload)) {
      std::string t = kind + " view=" + num(p->view.value) + " of";
      for (const SignedViewChange& v : p->view_changes) t += " " + num(v.member.value);
      t += " O:";
      for (const ReProposal& o : p->proposals) t += " " + header(o.header);
      return t;
    }
    if (const auto* p = std::get_if<FetchBlock>(&s.payload)) return kind + " " + id(p->id);
    if (const auto* p = std::get_if<BlockData>(&s.payload))
      return kind + " " + header(p->block.header);
    if (const auto* p = std::get_if<CommitNotice>(&s.payload)) {
      return kind + " " + header(p->decided.header);
    }
    if (const auto* p = std::get_if<CheckpointNotice>(&s.payload)) {
      return kind + " " + id(p->certificate.head.block);
    }
    return kind;
  }

  std::string text(const std::vector<ContentHash>& items) {
    std::string t;
    for (const ContentHash& c : items) t += " " + item_names_[c];
    return t;
  }
  std::string header(const BlockHeader& h) { return id(chain::block_id(config_genesis(), h)); }
  std::string id(const BlockId& b) { return names_.contains(b) ? names_[b] : "?"; }
  static std::string num(std::uint64_t n) { return std::to_string(n); }
  void line(const std::string& text) { out_ += text + "\n"; }
  const Block& block(const Command& c) { return blocks_.at(c.text("block")); }
  Members& m() { return solo_->members; }
  const GenesisId& config_genesis() { return m().config.genesis; }

  std::unique_ptr<Solo> solo_;
  Config config_;
  std::size_t n_ = 4;
  std::uint16_t me_ = 1;
  SafetyState durable_;
  std::optional<CheckpointCertificate> stable_;
  LedgerHead executed_;
  std::map<std::string, Block> blocks_;
  std::map<std::string, std::vector<ItemFacts>> items_;
  std::map<std::string, LedgerHead> heads_;
  std::map<BlockId, std::string> names_;
  std::map<ContentHash, std::string> item_names_;
  std::map<View, std::map<MemberId, SignedMessage>> changes_;
  std::string out_;
};

void run_file(const std::filesystem::path& path, bool rewrite) {
  std::ifstream in(path);
  REQUIRE(in);
  Scenario scenario;
  std::string result;
  for (std::string text; std::getline(in, text);) {
    if (text.empty() || text[0] == '#') {
      result += text + "\n";
      continue;
    }
    std::string expected;
    std::string dashes;
    std::getline(in, dashes);
    REQUIRE_MESSAGE(dashes == "----", path << ": ---- must follow: " << text);
    for (std::string l; std::getline(in, l) && !l.empty();) expected += l + "\n";
    const std::string actual = scenario.run(text);
    INFO(path.filename().string() << ": " << text);
    if (!rewrite) CHECK(actual == expected);
    result += text + "\n----\n" + actual + "\n";
  }
  while (result.ends_with("\n\n")) result.pop_back();
  if (rewrite) std::ofstream(path) << result;
}

}  // namespace

TEST_CASE("golden scenarios: every effect is the expected one") {
  const char* root = std::getenv("IMI_SOURCE_DIR");
  REQUIRE_MESSAGE(root != nullptr, "run through ctest, or set IMI_SOURCE_DIR");
  std::set<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(root) / "tests/scenarios")) {
    if (entry.path().extension() == ".txt") files.insert(entry.path());
  }
  CHECK(files.size() >= 6);
  for (const auto& file : files) run_file(file, std::getenv("IMI_REWRITE") != nullptr);
}
